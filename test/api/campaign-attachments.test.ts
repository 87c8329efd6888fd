import { MockActivityEnvironment } from "@temporalio/testing";
import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createChannels } from "../../activities/channels/channels.ts";
import { SharedFiles } from "../../activities/channels/email/shared-files.ts";
import { createDispatcher } from "../../activities/dispatch/index.ts";
import { queueName } from "../../domain/delivery/queues.ts";
import { parsePublicId } from "../../domain/ids.ts";
import { openAttachment } from "../../ledger/attachments.ts";
import { createLedger } from "../../ledger/ledger.ts";
import { createSealer } from "../../ledger/sealer.ts";
import { executeOn } from "../../ledger/sql.ts";
import { channelTo, provider } from "../channels/email-channel.ts";
import { startMailbox } from "../channels/mailbox.ts";
import { advanceCampaign } from "../support/campaign-worker.ts";
import { createUncachedClock } from "../support/ledger-time.ts";
import { testLinks } from "../support/links.ts";
import { masterKey } from "../support/sealing.ts";
import { type Api, sampleTemplate, seed, startApi } from "./harness.ts";

const people = 50;

let api: Api;
let mailbox: Awaited<ReturnType<typeof startMailbox>>;
beforeAll(async () => {
  api = await startApi();
  await seed(api, people);
});
afterAll(() => api.stop());
beforeEach(async () => {
  mailbox = await startMailbox();
});
afterEach(() => mailbox.close());

async function upload(content: Buffer | string, filename = "terms.pdf"): Promise<string> {
  const { status, body } = await api.send("POST", "/v1/attachments", {
    filename,
    contentType: "application/pdf",
    content: Buffer.from(content).toString("base64"),
  });
  expect(status).toBe(201);
  return body.id;
}
const create = (part: object) =>
  api.send("POST", "/v1/campaigns", {
    name: "Terms",
    template: { key: sampleTemplate.key },
    audience: { all: true },
    data: { order: "1" },
    ...part,
  });
const send = (method: string, path: string, body?: object) =>
  api.send(method, `/v1/campaigns/${path}`, body);
async function edit(id: string, change: object, dryRun = false) {
  const etag = (await send("GET", id)).headers.get("etag")!;
  const path = `/v1/campaigns/${id}${dryRun ? "?dryRun=true" : ""}`;
  return api.send("PATCH", path, change, { "if-match": etag });
}
const unknown = "att_01jd3v8qyee7fr8xmcsnh5hbcd";

/** A worker that sends to the mailbox, and the attachments that it read. */
function createWorker() {
  const execute = executeOn(api.pool);
  const sealer = createSealer({ pool: api.pool, masterKeys: [masterKey("k1")] });
  const reads: string[] = [];
  const files = new SharedFiles({
    read: (id) => {
      reads.push(id);
      return openAttachment(execute, sealer, id);
    },
  });
  const email = channelTo([provider(mailbox.port, { connections: 5 })], {
    attachments: files,
    inFlightBound: 100,
  });
  const { dispatch } = createDispatcher({
    pool: api.pool,
    clock: createUncachedClock(api.pool),
    ledger: createLedger(api.pool),
    channels: createChannels([email]),
    retry: { baseMs: 60_000, capMs: 3_600_000, attempts: 3 },
    mailboxShards: 1,
    answersMs: 20_000,
    links: testLinks,
    wake: () => Promise.resolve(),
    lingerMs: 0,
  });
  return {
    reads,
    files,
    close: () => email.close(),
    async run(id: string): Promise<void> {
      const step = await advanceCampaign(api.pool, id);
      if (step.next !== "drain") throw new Error(`it ${step.next}s`);
      for (const lane of step.lanes)
        await new MockActivityEnvironment().run(dispatch, {
          queue: queueName({ kind: "lane", campaignId: id, lane }),
        });
    },
  };
}
const attachedTo = (index: number) =>
  mailbox.received[index]!.email.attachments.map(({ filename, content }) => ({
    filename,
    content: Buffer.from(content as ArrayBuffer),
  }));

describe("a campaign with attachments", () => {
  it("sends the same file to every recipient, which is read and kept in memory once", async () => {
    const content = randomBytes(300_000);
    const id = await upload(content);
    const { status, body } = await create({ attachments: [{ id }] });
    expect([status, body.attachments]).toEqual([201, [{ id }]]);
    await send("POST", `${body.id}/start`);
    const worker = createWorker();
    try {
      await worker.run(body.id);
      expect(mailbox.received).toHaveLength(people);
      expect(new Set(mailbox.received.map(({ to }) => to.join())).size).toBe(people);
      for (let index = 0; index < people; index += 1) {
        const [file, ...others] = attachedTo(index);
        expect([file!.filename, others]).toEqual(["terms.pdf", []]);
        expect(file!.content.equals(content)).toBe(true);
      }
      expect(worker.reads).toEqual([parsePublicId("attachment", id)]);
      // Base64 with line breaks, and the headers of one part: the files of one message, not of fifty.
      expect(worker.files.bytes).toBeLessThan(content.length * 1.4 + 1_000);
    } finally {
      await worker.close();
    }
  });

  it("is edited while it runs: what is still to be sent has the new file, and revisions show both", async () => {
    const [before, after] = [await upload("one", "one.pdf"), await upload("two", "two.pdf")];
    const { body } = await create({ attachments: [{ id: before }] });
    await send("POST", `${body.id}/start`);
    expect(await advanceCampaign(api.pool, body.id)).toMatchObject({ next: "drain" });
    const change = { attachments: [{ id: after }] };
    const trial = await edit(body.id, change, true);
    expect(trial.body.changes).toEqual({
      attachments: { from: [{ id: before }], to: [{ id: after }] },
      revision: { from: 1, to: 2 },
    });
    const edited = await edit(body.id, change);
    expect(edited.body).toMatchObject({ attachments: [{ id: after }], revision: 2 });
    expect((await edit(body.id, change)).body.revision).toBe(2);
    const worker = createWorker();
    try {
      await worker.run(body.id);
    } finally {
      await worker.close();
    }
    expect(mailbox.received).toHaveLength(people);
    const names = mailbox.received.map((_, index) => attachedTo(index)[0]!.filename);
    expect(new Set(names)).toEqual(new Set(["two.pdf"]));
    const { body: revisions } = await send("GET", `${body.id}/revisions`);
    expect(
      revisions.items.map((item: { attachments: { id: string }[] }) => item.attachments),
    ).toEqual([[{ id: after }], [{ id: before }]]);
    expect((await edit(body.id, { attachments: [{ id: unknown }] })).status).toBe(422);
  });

  it("is duplicated with them unless the request says otherwise, and not after they were removed", async () => {
    const id = await upload("copy");
    const { body } = await create({ attachments: [{ id }] });
    const copy = await send("POST", `${body.id}/duplicate`);
    expect(copy.body.attachments).toEqual([{ id }]);
    const without = await send("POST", `${body.id}/duplicate`, { attachments: [] });
    expect(without.body.attachments).toEqual([]);
    await api.prisma.attachment.delete({ where: { id: parsePublicId("attachment", id)! } });
    const late = await send("POST", `${body.id}/duplicate`);
    expect([late.status, late.body.errors[0].field]).toEqual([422, "/attachments/0/id"]);
  });

  it.each([
    ["one that does not exist", [{ id: unknown }], "/attachments/0/id"],
    ["an id of something else", [{ id: "tpl_01jd3v8qyee7fr8xmcsnh5hbcd" }], "/attachments/0/id"],
    [
      "a new file",
      [{ filename: "a.txt", contentType: "text/plain", content: "SGVsbG8=" }],
      "/attachments/0/id",
    ],
    ["eleven", Array(11).fill({ id: unknown }), "/attachments"],
  ])("is refused with %s", async (_, attachments, field) => {
    const { status, body } = await create({ attachments });
    expect(status).toBe(422);
    expect(body.errors).toContainEqual(expect.objectContaining({ field }));
  });

  it("is refused if they are larger than a message may have", async () => {
    const attachments = [
      { id: await upload(Buffer.alloc(6_000_000, "a")) },
      { id: await upload(Buffer.alloc(6_000_000, "b")) },
    ];
    const { status, body } = await create({ attachments });
    expect(status).toBe(422);
    expect(body.errors).toEqual([
      { in: "body", field: "/attachments", message: "must have at most 10 MiB in all" },
    ]);
  });

  it("keeps a file that came with a notification when the recipient of that is erased", async () => {
    const file = { filename: "own.txt", contentType: "text/plain", content: "b3du" };
    await api.send("PUT", "/v1/recipients/leaver", { email: "leaver@example.org" });
    const { body: notification } = await api.send("POST", "/v1/notifications", {
      recipients: ["leaver"],
      content: { subject: "S", body: "B" },
      attachments: [file],
    });
    const { body: read } = await api.send("GET", `/v1/notifications/${notification.id}`);
    const [{ id }] = read.attachments;
    expect((await create({ attachments: [{ id }] })).status).toBe(201);
    expect((await api.send("DELETE", "/v1/recipients/leaver")).status).toBeLessThan(300);
    expect((await api.send("GET", `/v1/attachments/${id}`)).status).toBe(200);
  });
});

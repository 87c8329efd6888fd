import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { MockActivityEnvironment } from "@temporalio/testing";
import PostalMime, { type Email } from "postal-mime";
import { SMTPServer } from "smtp-server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createChannels } from "../../activities/channels/channels.ts";
import { SharedFiles } from "../../activities/channels/email/shared-files.ts";
import { createDispatcher } from "../../activities/dispatch/index.ts";
import { parsePublicId } from "../../domain/ids.ts";
import { openAttachment } from "../../ledger/attachments.ts";
import { createLedger } from "../../ledger/ledger.ts";
import { createSealer } from "../../ledger/sealer.ts";
import { executeOn } from "../../ledger/sql.ts";
import { channelTo, provider } from "../channels/email-channel.ts";
import { createUncachedClock } from "../support/ledger-time.ts";
import { testLinks } from "../support/links.ts";
import { masterKey } from "../support/sealing.ts";
import { type Api, seed, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 4);
});
afterAll(() => api.stop());

const base64 = (text: string | Buffer) => Buffer.from(text).toString("base64");
const file = (text: string, filename = "note.txt") => ({
  filename,
  contentType: "text/plain",
  content: base64(text),
});
const upload = (body: object) => api.send("POST", "/v1/attachments", body);
const post = (more: object, headers: Record<string, string> = {}) =>
  api.send(
    "POST",
    "/v1/notifications",
    { recipients: ["u0"], content: { subject: "S", body: "B" }, ...more },
    headers,
  );
const read = async (id: string) => (await api.send("GET", `/v1/notifications/${id}`)).body;
const countAttachments = () => api.prisma.attachment.count();

describe("POST /v1/attachments", () => {
  it("stores a file once, whatever its size within the limit, and says what is known of it", async () => {
    const content = base64(Buffer.alloc(9_000_000, "x"));
    const body = { filename: "große Datei.txt", contentType: "Text/Plain; charset=UTF-8", content };
    const { status, body: stored } = await upload(body);
    expect(status).toBe(201);
    expect(stored).toEqual({
      id: expect.stringMatching(/^att_/),
      filename: "große Datei.txt",
      contentType: "text/plain; charset=utf-8",
      size: 9_000_000,
    });
    const before = await countAttachments();
    expect((await upload(body)).body).toEqual(stored);
    expect(await countAttachments()).toBe(before);
    expect((await api.send("GET", `/v1/attachments/${stored.id}`)).body).toEqual(stored);
    expect((await upload({ ...body, filename: "other.txt" })).body.id).not.toBe(stored.id);
  });

  it("encrypts name, type and content, and audits neither of them", async () => {
    const { body } = await upload(file("a secret within", "secret-name.txt"));
    const row = await api.prisma.attachment.findUniqueOrThrow({
      where: { id: parsePublicId("attachment", body.id)! },
    });
    for (const bytes of [row.key, row.description, row.content])
      expect(Buffer.from(bytes).toString("latin1")).not.toMatch(/secret|text\/plain/);
    const { body: audit } = await api.send("GET", "/v1/audit?limit=1");
    expect(audit.items[0]).toMatchObject({
      action: "attachment.upload",
      resource: body.id,
      after: { size: 15 },
    });
    expect(JSON.stringify(audit.items[0])).not.toContain("secret");
  });

  it.each([
    ["a path in the name", { filename: "../etc/passwd" }, "/filename"],
    ["a line break in the name", { filename: "a\r\nBcc: x@example.org" }, "/filename"],
    ["an empty name", { filename: "" }, "/filename"],
    ["a type that is none", { contentType: "pdf" }, "/contentType"],
    ["a type with a header", { contentType: "text/plain\r\nX: y" }, "/contentType"],
    ["a type with other parameters", { contentType: 'text/plain; name="x"' }, "/contentType"],
    ["the type of a message", { contentType: "message/rfc822" }, "/contentType"],
    ["the type of several parts", { contentType: "multipart/mixed" }, "/contentType"],
    ["a content that is not base64", { content: "no base64!" }, "/content"],
    ["base64 without padding", { content: "QQ" }, "/content"],
    ["no content", { content: "" }, "/content"],
    ["more than 10 MiB", { content: base64(Buffer.alloc(10 * 1_024 * 1_024 + 1)) }, "/content"],
    ["an unknown field", { name: "x" }, "/name"],
  ])("refuses %s", async (_, change, field) => {
    const { status, body } = await upload({ ...file("x"), ...change });
    expect(status).toBe(422);
    expect(body.errors).toContainEqual(expect.objectContaining({ field }));
  });

  it("refuses a body that is larger than any attachment, and larger ones of other routes", async () => {
    const huge = { ...file("x"), content: "A".repeat(15_000_000) };
    expect((await upload(huge)).status).toBe(413);
    expect(
      (await post({ attachments: [{ ...file("x"), content: "A".repeat(2_000_000) }] })).status,
    ).toBe(413);
  });

  it("says that it cannot encrypt without a key, and stores nothing", async () => {
    const other = await startApi({ masterKeys: [] });
    try {
      const reply = await other.send("POST", "/v1/attachments", file("x"));
      expect(reply.status).toBe(503);
      expect(reply.body.detail).toContain("SEALING_KEYS");
      expect(await other.prisma.attachment.count()).toBe(0);
    } finally {
      await other.stop();
    }
  });

  it("answers 404 for an unknown id", async () => {
    const path = "/v1/attachments/att_01jd3v8qyee7fr8xmcsnh5hbcd";
    expect((await api.send("GET", path)).status).toBe(404);
  });
});

describe("a notification with attachments and copies", () => {
  it("shows them, and is never batched", async () => {
    const { body: stored } = await upload(file("stored"));
    const { status, body } = await post({
      attachments: [file("new"), { id: stored.id }],
      cc: ["team@example.org"],
      bcc: ["archive@example.org"],
    });
    expect(status).toBe(202);
    expect(await read(body.id)).toMatchObject({
      batchable: false,
      attachments: [{ id: expect.stringMatching(/^att_/) }, { id: stored.id }],
      copies: {
        total: 2,
        counts: { pending: 2, sent: 0 },
        items: [
          { kind: "cc", address: "team@example.org", status: "pending" },
          { kind: "bcc", address: "archive@example.org", status: "pending" },
        ],
      },
    });
  });

  it("repeats its answer under an idempotency key, and stores nothing twice", async () => {
    const request = { attachments: [file("once")], cc: ["team@example.org"] };
    const headers = { "idempotency-key": "attached" };
    const first = await post(request, headers);
    const before = [await countAttachments(), await api.prisma.notificationCopy.count()];
    expect((await post(request, headers)).body).toEqual(first.body);
    expect([await countAttachments(), await api.prisma.notificationCopy.count()]).toEqual(before);
  });

  it.each([
    [
      "an unknown attachment",
      { attachments: [{ id: "att_01jd3v8qyee7fr8xmcsnh5hbcd" }] },
      "/attachments/0/id",
    ],
    [
      "an id of something else",
      { attachments: [{ id: "ntf_01jd3v8qyee7fr8xmcsnh5hbcd" }] },
      "/attachments/0/id",
    ],
    ["eleven attachments", { attachments: Array(11).fill(file("x")) }, "/attachments"],
    ["a faulty name", { attachments: [file("x"), file("x", "a/b")] }, "/attachments/1/filename"],
    ["copies for several recipients", { recipients: ["u0", "u1"], cc: ["a@example.org"] }, "/cc"],
    ["an address that is none", { bcc: ["a@example.org", "nobody"] }, "/bcc/1"],
    ["an address that needs SMTPUTF8", { cc: ["müller@example.org"] }, "/cc/0"],
    ["a header in an address", { cc: ["a@example.org\r\nX: y"] }, "/cc/0"],
    ["the same address twice", { cc: ["a@example.org"], bcc: ["A@EXAMPLE.org"] }, "/bcc/0"],
    [
      "more than twenty addresses",
      {
        cc: Array.from({ length: 15 }, (_, n) => `c${n}@example.org`),
        bcc: Array.from({ length: 6 }, (_, n) => `b${n}@example.org`),
      },
      "/cc",
    ],
  ])("is refused with %s", async (_, more, field) => {
    const { status, body } = await post(more);
    expect(status).toBe(422);
    expect(body.errors).toContainEqual(expect.objectContaining({ field }));
  });

  it("is refused if stored and new attachments together exceed the limit", async () => {
    const { body } = await upload({ ...file("x"), content: base64(Buffer.alloc(10_400_000)) });
    const attachments = [{ id: body.id }, { ...file("y"), content: base64(Buffer.alloc(200_000)) }];
    const reply = await post({ attachments });
    expect(reply.status).toBe(422);
    expect(reply.body.errors).toEqual([
      { in: "body", field: "/attachments", message: "must have at most 10 MiB in all" },
    ]);
  });

  it("arrives with both, and the account says what became of each copy", async () => {
    const received: { to: string[]; email: Email }[] = [];
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ["STARTTLS", "AUTH"],
      disableReverseLookup: true,
      logger: false,
      onRcptTo: ({ address }, _session, done) =>
        done(
          address.startsWith("nobody")
            ? Object.assign(new Error("no such user"), { responseCode: 550 })
            : null,
        ),
      onData(stream, { envelope }, done) {
        buffer(stream)
          .then(async (raw) => {
            received.push({
              to: envelope.rcptTo.map(({ address }) => address),
              email: await PostalMime.parse(raw),
            });
            done();
          })
          .catch(done);
      },
    });
    server.listen(0, "127.0.0.1");
    await once(server.server, "listening");
    const execute = executeOn(api.pool);
    const sealer = createSealer({ pool: api.pool, masterKeys: [masterKey("k1")] });
    const email = channelTo([provider((server.server.address() as AddressInfo).port)], {
      attachments: new SharedFiles({ read: (id) => openAttachment(execute, sealer, id) }),
    });
    try {
      await api.send("POST", "/v1/suppressions", {
        channel: "email",
        address: "stop@example.org",
        reason: "manual",
      });
      const { body } = await post({
        recipients: ["u3"],
        attachments: [file("the text", "Notiz №1.txt")],
        cc: ["team@example.org", "nobody@example.org"],
        bcc: ["Stop@example.org"],
      });
      const [delivery] = (await read(body.id)).deliveries;
      const { dispatch } = createDispatcher({
        pool: api.pool,
        clock: createUncachedClock(api.pool),
        ledger: createLedger(api.pool),
        channels: createChannels([email]),
        retry: { baseMs: 60_000, capMs: 3_600_000, attempts: 3 },
        mailboxShards: 4,
        answersMs: 20_000,
        links: testLinks,
        wake: () => Promise.resolve(),
        lingerMs: 0,
      });
      await new MockActivityEnvironment().run(dispatch, { queue: delivery.queue });
      const mail = received.find(({ to }) => to[0] === "u3@example.org")!;
      expect(mail.to).toEqual(["u3@example.org", "team@example.org"]);
      expect(mail.email.cc?.map(({ address }) => address)).toEqual([
        "team@example.org",
        "nobody@example.org",
      ]);
      expect(mail.email.attachments).toMatchObject([{ filename: "Notiz №1.txt" }]);
      const after = await read(body.id);
      expect(after.deliveries[0].status).toBe("sent");
      expect(after.copies).toMatchObject({
        total: 3,
        counts: { pending: 0, sent: 1, refused: 1, suppressed: 1, unknown: 0, not_sent: 0 },
        items: [
          { address: "team@example.org", status: "sent" },
          {
            address: "nobody@example.org",
            status: "refused",
            detail: expect.stringContaining("550"),
          },
          { address: "Stop@example.org", status: "suppressed", detail: "manual" },
        ],
      });
    } finally {
      await email.close();
      await new Promise<void>((resolve) => server.close(resolve));
    }
  });

  it("says of its copies that they were not sent if the delivery ends without an email", async () => {
    const { body } = await post({ recipients: ["u2"], cc: ["team@example.org"] });
    const [delivery] = (await read(body.id)).deliveries;
    const cancelled = await api.send("POST", "/v1/deliveries/cancel", { ids: [delivery.id] });
    expect(cancelled.status).toBeLessThan(300);
    expect((await read(body.id)).copies).toMatchObject({
      counts: { not_sent: 1 },
      items: [{ status: "not_sent" }],
    });
  });
});

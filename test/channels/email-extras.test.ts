import { randomBytes } from "node:crypto";
import type { SMTPServerOptions } from "smtp-server";
import { afterEach, describe, expect, it } from "vitest";
import type { SendResult } from "../../activities/channels/channel.ts";
import { SharedFiles } from "../../activities/channels/email/shared-files.ts";
import { maxAttachmentBytes } from "../../domain/attachment.ts";
import { SealedValueError } from "../../domain/sealer.ts";
import type { OpenedAttachment } from "../../ledger/attachments.ts";
import type { Copy, EmailExtras } from "../../ledger/notification-emails.ts";
import { attemptsOf, channelTo, provider, request } from "./email-channel.ts";
import { type ReceivedMail, startMailbox } from "./mailbox.ts";

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function mailbox(options?: SMTPServerOptions) {
  const started = await startMailbox(options);
  cleanups.push(() => started.close());
  return started;
}

const filesOf = (files: Record<string, OpenedAttachment>) => {
  const reads: string[] = [];
  const shared = new SharedFiles({
    read: (id) => {
      reads.push(id);
      return Promise.resolve(files[id] ?? null);
    },
  });
  return { shared, reads };
};

function channel(port: number, attachments?: Pick<SharedFiles, "use">) {
  const made = channelTo([provider(port)], attachments && { attachments });
  cleanups.push(() => made.close());
  return made;
}

const copy = (position: number, kind: Copy["kind"], address: string): Copy => ({
  position,
  kind,
  address,
  suppression: null,
});
const extras = (parts: Partial<EmailExtras>): { extras: EmailExtras } => ({
  extras: { notificationId: "n", attachments: [], copies: [], ...parts },
});
const copiesOf = (result: SendResult) => (result.kind === "attempted" ? result.copies : undefined);

describe.each([
  ["that pipelines", {}],
  ["that does not pipeline", { hidePIPELINING: true }],
])("over a server %s, copies", (_, options: SMTPServerOptions) => {
  const team = copy(0, "cc", "team@example.org");
  const archive = copy(1, "bcc", "archive@example.org");

  it("go to every address in one mail, which shows only those in cc", async () => {
    const { port, received } = await mailbox(options);
    const made = channel(port);
    const results = await Promise.all([
      made.send(request("a@example.org")),
      made.send(request("b@example.org", extras({ copies: [team, archive] }))),
      made.send(request("c@example.org")),
      made.send(request("d@example.org", extras({ copies: [archive] }))),
      made.send(request("e@example.org")),
    ]);
    expect(results.map((result) => attemptsOf(result)[0]!.outcome)).toEqual(Array(5).fill("sent"));
    received.sort((one, other) => (one.to[0]! < other.to[0]! ? -1 : 1));
    expect(received.map(({ to }) => to)).toEqual([
      ["a@example.org"],
      ["b@example.org", "team@example.org", "archive@example.org"],
      ["c@example.org"],
      ["d@example.org", "archive@example.org"],
      ["e@example.org"],
    ]);
    const [, shown, , hidden] = received;
    expect(shown!.email.cc?.map(({ address }) => address)).toEqual(["team@example.org"]);
    expect(shown!.email.to?.map(({ address }) => address)).toEqual(["b@example.org"]);
    for (const { raw } of [shown!, hidden!]) expect(raw.toString()).not.toContain("archive@");
    expect(hidden!.email.cc ?? []).toEqual([]);
    expect(copiesOf(results[1]!)).toEqual([
      { position: 0, status: "sent", detail: null },
      { position: 1, status: "sent", detail: null },
    ]);
    expect(copiesOf(results[0]!)).toBeUndefined();
  });

  it("that are refused are recorded with the answer, and the others are sent", async () => {
    const { port, received } = await mailbox(options);
    const made = channel(port);
    const copies = [copy(0, "cc", "refused@example.org"), { ...archive, position: 1 }];
    const result = await made.send(request("a@example.org", extras({ copies })));
    expect(attemptsOf(result)[0]!.outcome).toBe("sent");
    expect(copiesOf(result)).toEqual([
      { position: 0, status: "refused", detail: expect.stringContaining("no such user") },
      { position: 1, status: "sent", detail: null },
    ]);
    expect(received.map(({ to }) => to)).toEqual([["a@example.org", "archive@example.org"]]);
  });

  it("are not sent to anybody if the recipient is refused", async () => {
    const { port, received } = await mailbox(options);
    const made = channel(port);
    const [refused, next] = await Promise.all([
      made.send(request("refused@example.org", extras({ copies: [team, archive] }))),
      made.send(request("next@example.org", extras({ copies: [team] }))),
    ]);
    expect(attemptsOf(refused)[0]).toMatchObject({ outcome: "permanent" });
    expect(copiesOf(refused)).toBeUndefined();
    expect(attemptsOf(next)[0]!.outcome).toBe("sent");
    expect(received.map(({ to }) => to)).toEqual([["next@example.org", "team@example.org"]]);
  });

  it("are not sent to suppressed addresses, which are not shown either", async () => {
    const { port, received } = await mailbox(options);
    const copies = [{ ...team, suppression: "complained" as const }, archive];
    const result = await channel(port).send(request("a@example.org", extras({ copies })));
    expect(copiesOf(result)).toEqual([
      { position: 0, status: "suppressed", detail: "complained" },
      { position: 1, status: "sent", detail: null },
    ]);
    expect(received[0]!.to).toEqual(["a@example.org", "archive@example.org"]);
    expect(received[0]!.raw.toString()).not.toContain("team@");
  });

  it("are refused with the mail if the sender is refused", async () => {
    const { port, received } = await mailbox({
      ...options,
      onMailFrom: (_address, _session, done) =>
        done(Object.assign(new Error("not you"), { responseCode: 550 })),
    });
    const result = await channel(port).send(request("a@example.org", extras({ copies: [team] })));
    expect(attemptsOf(result)[0]!.outcome).not.toBe("sent");
    expect(copiesOf(result)).toBeUndefined();
    expect(received).toEqual([]);
  });
});

describe("attachments", () => {
  const names = [
    "plain.txt",
    'quoted "name" \\ here.txt',
    "Rechnung für März – №7.pdf",
    `${"long ".repeat(30)}名前.pdf`,
    "semi;colon=and'quotes'%20.txt",
  ];
  const files = Object.fromEntries(
    names.map((filename, index) => [
      `f${index}`,
      { filename, contentType: "application/octet-stream", content: randomBytes(index * 997) },
    ]),
  );

  it("arrive with their names, types and bytes, after the text and the HTML", async () => {
    const { port, received } = await mailbox();
    const { shared } = filesOf(files);
    const ids = Object.keys(files);
    const result = await channel(port, shared).send(
      request(
        "a@example.org",
        extras({ attachments: ids, copies: [copy(0, "cc", "b@example.org")] }),
      ),
    );
    expect(attemptsOf(result)[0]!.outcome).toBe("sent");
    const [{ email, raw }] = received as [ReceivedMail];
    expect(email.html).toContain("<p>Hi Ann</p>");
    expect(email.text).toContain("Hi Ann");
    expect(email.attachments.map(({ filename, mimeType }) => [filename, mimeType])).toEqual(
      names.map((name) => [name, "application/octet-stream"]),
    );
    for (const [index, { content }] of email.attachments.entries())
      expect(Buffer.from(content as ArrayBuffer).equals(files[`f${index}`]!.content)).toBe(true);
    for (const line of raw.toString("latin1").split("\r\n")) {
      expect(line.length).toBeLessThanOrEqual(998);
      expect(line).toMatch(/^[\x20-\x7e]*$/);
    }
  });

  it("of ten mebibytes arrive whole, and are read and encoded once for many messages", async () => {
    const { port, received } = await mailbox();
    const content = randomBytes(maxAttachmentBytes);
    const { shared, reads } = filesOf({
      big: { filename: "big.bin", contentType: "application/zip", content },
    });
    const made = channel(port, shared);
    const results = await Promise.all(
      ["a", "b"].map((name) =>
        made.send(request(`${name}@example.org`, extras({ attachments: ["big"] }))),
      ),
    );
    expect(results.map((result) => attemptsOf(result)[0]!.outcome)).toEqual(["sent", "sent"]);
    expect(reads).toEqual(["big"]);
    for (const { email } of received)
      expect(Buffer.from(email.attachments[0]!.content as ArrayBuffer).equals(content)).toBe(true);
  });

  it("that no longer exist end the message, and those that cannot be opened now hold it", async () => {
    const { port, received } = await mailbox();
    const withFile = request("a@example.org", extras({ attachments: ["gone"] }));
    const missing = await channel(port, filesOf({}).shared).send(withFile);
    expect(missing).toMatchObject({ kind: "unsendable", reason: "template_error" });
    const locked = { use: () => Promise.reject(new SealedValueError("no key")) };
    expect(await channel(port, locked).send(withFile)).toMatchObject({ kind: "held" });
    expect(received).toEqual([]);
  });
});

describe("files in memory", () => {
  const file = (bytes: number): OpenedAttachment => ({
    filename: "a",
    contentType: "text/plain",
    content: Buffer.alloc(bytes),
  });

  it("are bounded: a message waits until others have released theirs", async () => {
    const maxBytes = 30 * 1_024 * 1_024;
    const shared = new SharedFiles({ read: () => Promise.resolve(file(9_000_000)), maxBytes });
    const [one, two] = await Promise.all([shared.use(["1"]), shared.use(["2"])]);
    let began = false;
    const third = shared.use(["3"]).then((used) => {
      began = true;
      return used;
    });
    await expect(shared.use(["1"])).resolves.toMatchObject({ boundary: one.boundary });
    expect(began).toBe(false);
    expect(shared.bytes).toBeLessThanOrEqual(maxBytes);
    two.release();
    (await third).release();
    expect(shared.bytes).toBeLessThanOrEqual(maxBytes);
  });

  it("leave nothing behind when they cannot be read, and are read again", async () => {
    let fails = true;
    const shared = new SharedFiles({
      read: () => (fails ? Promise.reject(new Error("away")) : Promise.resolve(file(10))),
    });
    await expect(Promise.all([shared.use(["1"]), shared.use(["1"])])).rejects.toThrow("away");
    expect(shared.bytes).toBe(0);
    fails = false;
    const { tail, release } = await shared.use(["1"]);
    expect(shared.bytes).toBe(tail.length);
    release();
  });
});

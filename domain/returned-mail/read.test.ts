import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bounceClassOf, failureOfReport } from "../delivery/bounce-class.ts";
import { readReturnedMail } from "./read.ts";
import { samples } from "./samples.testing.ts";

const read = (mail: string) => readReturnedMail(Buffer.from(mail));

/** The one report in a mail, with the class of the bounce. */
async function reportIn(mail: string) {
  const returned = await read(mail);
  if (returned.kind !== "reports") return returned.kind;
  expect(returned.reports).toHaveLength(1);
  const [{ action, addresses, reply }] = returned.reports as [(typeof returned.reports)[0]];
  return { action, addresses, bounce: bounceClassOf(failureOfReport(reply)), reply };
}

describe("a report of a delivery", () => {
  it.each<[server: keyof typeof samples, bounce: string, reply: RegExp]>([
    ["postfix", "hard", /^550 5\.1\.1 <bob@example\.net>: Recipient .* User unknown in virtual/],
    ["postfixLocal", "hard", /^5\.1\.1 unknown user: "bob"$/],
    ["exim", "full", /^552 5\.2\.2 Mailbox full$/],
    ["eximText", "hard", /^550 No such user here$/],
    ["exchange", "hard", /^550 5\.1\.10 RESOLVER\.ADR\.RecipientNotFound/],
    ["gmail", "hard", /^550-5\.1\.1 The email account .* - gsmtp$/],
    ["qmail", "hard", /^5\.1\.1 .*no mailbox here/],
    ["sendmail", "block", /^554 5\.7\.1 Message rejected as spam$/],
    ["expired", "soft", /^451 4\.4\.1 reply: read error/],
  ])("of %s is %s", async (server, bounce, reply) => {
    expect(await reportIn(samples[server])).toEqual({
      action: "failed",
      addresses: [server === "gmail" ? "bob@gmail.com" : "bob@example.net"],
      bounce,
      reply: expect.stringMatching(reply),
    });
  });

  it("says that the message was delivered, or that it is delayed", async () => {
    expect(await reportIn(samples.delivered)).toMatchObject({ action: "delivered" });
    expect(await reportIn(samples.eximDelayed)).toMatchObject({ action: "delayed" });
  });

  it("is read in any encoding and character set", async () => {
    const encoded = samples.postfix.replace(
      /Content-Type: message\/delivery-status\r\n\r\n([^]*?)\r\n\r?\n?--=_/,
      (_, content: string) =>
        `Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from(
          content.replaceAll("rfc822", "utf-8"),
        ).toString("base64")}\r\n--=_`,
    );
    expect(await reportIn(encoded)).toMatchObject({ action: "failed", bounce: "hard" });
    const odd = samples.qmail
      .replace(
        "Subject:",
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=x-unknown-8bit\r\nSubject:",
      )
      .replace("Sorry, no", "D\u00e9sol\u00e9, no");
    expect(await readReturnedMail(Buffer.from(odd, "latin1")).then(({ kind }) => kind)).toBe(
      "reports",
    );
  });

  it("keeps the addresses of all recipients, and what is said of each", async () => {
    const two = samples.postfix.replace(
      "\r\n\r\nFinal-Recipient",
      "\r\n\r\nFinal-Recipient: rfc822; ann@example.net\r\nAction: delivered\r\nStatus: 2.1.5\r\n\r\nFinal-Recipient",
    );
    expect(await read(two)).toMatchObject({
      kind: "reports",
      reports: [
        { action: "delivered", addresses: ["ann@example.net"] },
        { action: "failed", addresses: ["bob@example.net"] },
      ],
    });
  });

  it("contains no names of people, and no subject, where the server quotes the message", async () => {
    const quoting = samples.postfix.replace(
      "User unknown in virtual mailbox table",
      'User unknown (To: "Ada Lovelace" <ada@example.net>)',
    );
    const quoted = samples.qmail.replace(
      "(#5.1.1)",
      "(#5.1.1)\r\nTo: Ada Lovelace <ada@example.net>,\r\n Grace Hopper <grace@example.net>\r\nSubject: A diagnosis\r\nIt was tried once.",
    );
    for (const mail of [quoting, quoted]) {
      const report = (await reportIn(mail)) as { reply: string; bounce: string };
      expect(report.bounce).toBe("hard");
      expect(report.reply).not.toMatch(/Ada|Lovelace|Grace|Hopper|diagnosis/);
    }
    expect(await reportIn(quoted)).toMatchObject({
      reply: expect.stringMatching(/no mailbox here.*tried once/),
    });
  });

  it("is never hard without a code or words that say so", async () => {
    const silent = samples.qmail.replace(
      "Sorry, no mailbox here by that name. (#5.1.1)",
      "It did not work.",
    );
    expect(await reportIn(silent)).toMatchObject({ action: "failed", bounce: "soft" });
    const bare = samples.postfix
      .replace("Status: 5.1.1", "Status: 5.0.0")
      .replace(/Diagnostic-Code: [^-]*?table/, "X-None: none");
    expect(await reportIn(bare)).toMatchObject({ action: "failed", bounce: "soft" });
  });
});

describe("other mail", () => {
  it("is a complaint, with the headers of the message that it is about", async () => {
    expect(await read(samples.complaint)).toMatchObject({
      kind: "feedback",
      feedback: { kind: "complaint", addresses: ["bob@example.com"] },
      originals: [expect.stringContaining("abuse"), expect.stringContaining("b+abc@bounces")],
    });
    for (const [type, kind] of [
      ["fraud", "complaint"],
      ["not-spam", "not_spam"],
      ["opt-out", "unsubscribe"],
      ["auth-failure", "other"],
    ])
      expect(
        await read(samples.complaint.replace("abuse\r\nUser", `${type}\r\nUser`)),
      ).toMatchObject({ feedback: { kind } });
  });

  it("is an answer of a program, or a letter of a person, whatever it says", async () => {
    expect(await reportIn(samples.absence)).toBe("automatic");
    expect(await reportIn(samples.letter)).toBe("other");
    expect(await reportIn("")).toBe("other");
  });

  it("is read without harm, however malformed it is", async () => {
    const bases = Object.values(samples);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...bases),
        fc.nat(3_000),
        fc.nat(200),
        fc.uint8Array({ maxLength: 60 }),
        async (base, start, length, noise) => {
          const bytes = Buffer.from(base);
          const mail = Buffer.concat([
            bytes.subarray(0, start),
            noise,
            bytes.subarray(start + length),
          ]);
          const returned = await readReturnedMail(mail).catch((error: unknown) => error);
          if (returned instanceof Error) return;
          const { kind, ...rest } = returned as Awaited<ReturnType<typeof readReturnedMail>>;
          expect(["reports", "feedback", "automatic", "other"]).toContain(kind);
          expect(JSON.stringify(rest).length).toBeLessThan(100_000);
          if ("reports" in rest)
            for (const { reply } of rest.reports as readonly { reply: string }[])
              // oxlint-disable-next-line no-control-regex
              expect(reply).not.toMatch(/[\x00-\x1f]/);
        },
      ),
      { numRuns: 400 },
    );
  });
});

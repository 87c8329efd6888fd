import { dkimVerify } from "mailauth/lib/dkim/verify.js";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Channel } from "../../activities/channels/channel.ts";
import { dkimRecords, mailSigner } from "../support/signed-mail.ts";
import { channelTo, outcomes, provider, request } from "./email-channel.ts";
import { startMailbox } from "./mailbox.ts";

let mailbox: Awaited<ReturnType<typeof startMailbox>>;
let channel: Channel;
beforeAll(async () => {
  mailbox = await startMailbox();
  channel = channelTo([provider(mailbox.port, { connections: 2 })], { signer: mailSigner });
});
afterAll(async () => {
  await channel.close();
  await mailbox.close();
});

const list = {
  name: "team.news",
  unsubscribeUrl: "https://example.org/u/5QEBk5e2c3VxeJ8n2s1rYwGTl7Zzc3V4",
  feedback: ":team.news:notification",
  isBulk: false,
};

it("hands over mail whose signatures cover what it has been sent with, dots at the beginnings of lines too", async () => {
  const content = {
    email: { subject: "Grüße  {{ name }}", html: "<p>{{ name }}</p>\n.\n..\n<p>  ü </p>\n\n\n" },
  };
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, number) =>
      channel.send(request("ann@example.org", { content, list, data: { name: `A${number}` } })),
    ),
  );
  expect(results.flatMap(outcomes)).toEqual(Array(20).fill("sent"));
  expect(mailbox.received).toHaveLength(20);
  for (const { raw } of mailbox.received) {
    const verified = await dkimVerify(raw, {
      resolver: async (name: string) => [[dkimRecords[name] ?? ""]],
    });
    expect(verified.results.map(({ status }) => status.result)).toEqual(["pass", "pass"]);
    expect(raw.toString("latin1").match(/:list-unsubscribe:list-unsubscribe-post:/g)).toHaveLength(
      2,
    );
  }
});

it("says that a faulty template cannot be rendered, as without signatures", async () => {
  const faulty = { email: { subject: "{{ name | nothing }}", html: "<p></p>" } };
  expect(
    await channel.send(
      request("ann@example.org", { content: faulty, templateVersionId: "tpv_faulty" }),
    ),
  ).toMatchObject({
    kind: "unsendable",
    reason: "template_error",
  });
});

import { describe, expect, it } from "vitest";
import {
  addPostmarkId,
  createReturnPath,
  usesPostmark,
} from "../../activities/channels/email/return-path.ts";
import { newUuid, publicId } from "../../domain/ids.ts";
import { postmarkHeader } from "../../domain/provider-events/postmark.ts";
import { createReturnAddresses } from "../../domain/return-addresses.ts";
import { open, serve } from "./conversation.ts";
import { outcomes, provider, request } from "./email-channel.ts";
import type { ScriptedConnection } from "./scripted-server.ts";

const addresses = createReturnAddresses(
  ["a secret of at least thirty-two characters"],
  "bounces.example.org",
);
const returnPath = createReturnPath(addresses);

/** Takes one message, and returns the lines of its envelope. */
async function readEnvelope(connection: ScriptedConnection, ...extensions: string[]) {
  await connection.greet(...extensions);
  const lines: string[] = [];
  for (const answer of ["250 ok", "250 ok", "354 go"]) {
    lines.push(await connection.line());
    connection.write(answer);
  }
  await connection.content();
  connection.write("250 taken");
  return lines;
}

async function envelopeOf(
  messageId: string,
  { extensions = [] as string[], to = "ann=x@example.org", options = { returnPath } as object },
) {
  let lines: string[] = [];
  const server = await serve(async (connection) => {
    lines = await readEnvelope(connection, ...extensions);
  });
  const channel = open([provider(server.port)], options);
  expect(outcomes(await channel.send({ ...request(to), messageId }))).toEqual(["sent"]);
  return lines;
}

describe("the envelope of a message", () => {
  it("has a return address of its own, and asks servers that can for reports of failure only", async () => {
    for (const extensions of [["DSN"], ["PIPELINING", "DSN"]]) {
      const delivery = newUuid();
      const messageId = publicId("delivery", delivery);
      const [mail, rcpt] = await envelopeOf(messageId, { extensions });
      const [, address] =
        /^MAIL FROM:<(b\+[a-z2-7]{45}@bounces\.example\.org)> RET=HDRS ENVID=(dlv_\w+)$/.exec(
          mail!,
        ) ?? [];
      expect(addresses.read(address!)).toEqual({ kind: "bounce", message: { delivery } });
      expect(mail).toContain(`ENVID=${messageId}`);
      expect(rcpt).toBe(
        "RCPT TO:<ann=x@example.org> NOTIFY=FAILURE ORCPT=rfc822;ann+3Dx@example.org",
      );
    }
  });

  it("has the return address of the group, and no parameters, over a server without reports", async () => {
    const group = newUuid();
    const [mail, rcpt] = await envelopeOf(publicId("group", group), {});
    expect(addresses.read(mail!.slice("MAIL FROM:<".length, -1))).toEqual({
      kind: "bounce",
      message: { group },
    });
    expect(rcpt).toBe("RCPT TO:<ann=x@example.org>");
  });

  it("is that of the sender where no returned mail is received", async () => {
    const options = {};
    const extensions = ["DSN"];
    expect(
      await envelopeOf(publicId("delivery", newUuid()), { extensions, options, to: "a@x.org" }),
    ).toEqual(["MAIL FROM:<tidings@example.org>", "RCPT TO:<a@x.org>", "DATA"]);
  });
});

it("offers to unsubscribe by mail behind the link, and tells Postmark its own id of the message", async () => {
  let content = "";
  const server = await serve(async (connection) => {
    await connection.greet();
    for (const answer of ["250 ok", "250 ok", "354 go"]) {
      await connection.line();
      connection.write(answer);
    }
    content = await connection.content();
    connection.write("250 taken");
  });
  const channel = open([provider(server.port)], { returnPath });
  const messageId = publicId("delivery", newUuid());
  const list = {
    name: "team.news",
    unsubscribeUrl: "https://example.org/u/token",
    unsubscribeMailto: "mailto:u+abc@bounces.example.org?subject=unsubscribe%20token",
    feedback: ":team.news:notification",
    isBulk: false,
  };
  expect(outcomes(await channel.send({ ...request("a@x.org", { list }), messageId }))).toEqual([
    "sent",
  ]);
  expect(content).toContain(
    `List-Unsubscribe: <${list.unsubscribeUrl}>, <${list.unsubscribeMailto}>\r\nList-Unsubscribe-Post: `,
  );
  expect(content).not.toContain(postmarkHeader);
  expect([
    usesPostmark([{ host: "mail.example.org" }]),
    usesPostmark([{ host: "smtp.postmarkapp.com" }]),
    usesPostmark([{ host: "postmarkapp.com.example.org" }]),
  ]).toEqual([false, true, false]);
  const message = { from: "a@x.org", domain: "x.org", headers: "To: a\r\n", body: "\r\n" };
  expect(addPostmarkId(message, { messageId }).headers).toBe(
    `${postmarkHeader}: ${messageId}\r\nTo: a\r\n`,
  );
});

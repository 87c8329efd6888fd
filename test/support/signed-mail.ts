import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { createDkimSigner } from "../../activities/channels/email/dkim.ts";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2_048 });
const edwards = generateKeyPairSync("ed25519");
const encode = (key: KeyObject, skip: number) =>
  key.export({ type: "spki", format: "der" }).subarray(skip).toString("base64");

/** The text of each DNS record with a public key, by its name. */
export const dkimRecords: Readonly<Record<string, string>> = {
  "r1._domainkey.example.org": `v=DKIM1; k=rsa; p=${encode(rsa.publicKey, 0)}`,
  // The record has the bare 32 bytes (RFC 8463, section 4).
  "e1._domainkey.example.org": `v=DKIM1; k=ed25519; p=${encode(edwards.publicKey, 12)}`,
};

export const mailSigner = createDkimSigner([
  { domain: "example.org", selector: "r1", key: rsa.privateKey },
  { domain: "example.org", selector: "e1", key: edwards.privateKey },
]);

/** Signs a message with folded headers, runs of blanks, and an attachment, with a key of either kind. */
export async function signMail(domain = "example.org"): Promise<string> {
  const { headers, body, tail } = await mailSigner.sign({
    from: `tidings@${domain}`,
    domain,
    headers: [
      `From: Tidings\r\n <tidings@${domain}>`,
      "To: Ann  Example\r\n\t<ann@example.org>",
      "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=   for  you ",
      "Message-ID: <dlv_01h455vb4pex5vsknk084sn02q@example.org>",
      "List-Unsubscribe: <https://example.org/u/5QEBk5e2c3VxeJ8n2s1rYwGTl7Zzc3V4>",
      "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
      "Date: Sun, 22 Nov 2026 09:05:07 +0000",
      "MIME-Version: 1.0",
      'Content-Type: multipart/mixed;\r\n boundary="=_1"',
      "",
    ].join("\r\n"),
    body: "--=_1\r\nContent-Type: text/plain\r\n\r\nHello  there,\t \r\n  as  always\r\n\r\n",
    tail: Buffer.from(
      "--=_1\r\nContent-Type: text/plain\r\n\r\nattached \r\n--=_1--\r\n\r\n\r\n",
      "latin1",
    ),
  });
  return `${headers}\r\n${body}${tail!.toString("latin1")}`;
}

/** The same message as a relay may fold it again, and changes of single letters, each of which makes it another message. */
export const refold = (message: string): string =>
  message.replace("List-Unsubscribe: <https", "List-Unsubscribe:\r\n  <https");
export const forgeries: readonly (readonly [string, string])[] = [
  ["List-Unsubscribe=One-Click", "List-Unsubscribe=One-Clack"],
  ["u/5QEBk5e2", "u/5QEBk5e3"],
  ["Hello  there", "Hallo  there"],
  ["attached", "attacked"],
  ["for  you", "for  him"],
  ["To: Ann", "From: eve@example.com\r\nTo: Ann"],
];

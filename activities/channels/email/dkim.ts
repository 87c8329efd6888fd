import { createHash, type KeyObject, sign as signData } from "node:crypto";
import type { DkimKey } from "../../../config/dkim.ts";
import type { Message } from "./smtp-job.ts";

/** Signs messages with DomainKeys Identified Mail (DKIM, RFC 6376). */
export interface DkimSigner {
  /** Resolves with the message and a signature of each key of its From domain; with the message itself if there is none. */
  sign(message: Message): Promise<Message>;
}

/** The signed headers, in lower case: those of RFC 6376, section 5.4.1, and those that RFC 8058 demands. */
const signedHeaders = new Set([
  "from",
  "reply-to",
  "to",
  "cc",
  "subject",
  "message-id",
  "date",
  "mime-version",
  "content-type",
  "auto-submitted",
  "list-unsubscribe",
  "list-unsubscribe-post",
  "list-id",
  "feedback-id",
  "precedence",
]);

/** The canonical forms of bodies that messages share: attachments. */
const canonicalTails = new WeakMap<Buffer, string>();

/**
 * Makes a signer with `relaxed` canonical forms of headers and body, which survive relays that change white space. The signatures are made
 * outside the main thread, so that other messages go on meanwhile. A domain may have several keys, each of which signs: one of either kind, or an old
 * and a new one during a rotation.
 */
export function createDkimSigner(keys: readonly DkimKey[]): DkimSigner {
  const byDomain = new Map<string, DkimKey[]>();
  for (const key of keys) byDomain.set(key.domain, [...(byDomain.get(key.domain) ?? []), key]);
  return {
    async sign(message) {
      const own = byDomain.get(message.domain);
      if (own === undefined) return message;
      const bodyHash = hashBody(message);
      const fields = readFields(message.headers);
      const signatures = await Promise.all(own.map((key) => signatureOf(key, fields, bodyHash)));
      return { ...message, headers: `${signatures.join("")}${message.headers}` };
    },
  };
}

interface Field {
  /** In lower case. */
  name: string;
  /** In its relaxed form, without the end of its line. */
  relaxed: string;
}

/** The headers that are signed, in their order. */
function readFields(headers: string): Field[] {
  const unfolded = headers.replaceAll(/\r\n(?=[ \t])/g, "");
  return unfolded.split("\r\n").flatMap((line) => {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    return signedHeaders.has(name)
      ? [{ name, relaxed: relaxField(name, line.slice(colon + 1)) }]
      : [];
  });
}

/** The relaxed form of RFC 6376, section 3.4.2. */
const relaxField = (name: string, value: string): string =>
  `${name}:${value.replaceAll(/[ \t]+/g, " ").trim()}`;

/** The relaxed form of a body, RFC 6376, section 3.4.4. */
const relaxBody = (body: string): string =>
  body.replaceAll(/[ \t]+/g, " ").replaceAll(" \r\n", "\r\n");

function hashBody({ body, tail }: Message): string {
  const whole = relaxBody(body) + (tail === undefined ? "" : relaxTail(tail));
  let end = whole.length;
  while (whole.endsWith("\r\n", end)) end -= 2;
  return createHash("sha256")
    .update(whole.slice(0, end))
    .update(end === 0 ? "" : "\r\n")
    .digest("base64");
}

function relaxTail(tail: Buffer): string {
  const kept = canonicalTails.get(tail) ?? relaxBody(tail.toString("latin1"));
  canonicalTails.set(tail, kept);
  return kept;
}

async function signatureOf(
  { domain, selector, key }: DkimKey,
  fields: readonly Field[],
  bodyHash: string,
): Promise<string> {
  const isRsa = key.asymmetricKeyType === "rsa";
  // From is named once more than it occurs, so that nobody can add another one.
  const names = [...fields.map(({ name }) => name), "from"].join(":");
  const unsigned = ` v=1; a=${isRsa ? "rsa" : "ed25519"}-sha256; c=relaxed/relaxed; d=${domain}; s=${selector};\r\n h=${names};\r\n bh=${bodyHash};\r\n b=`;
  const own = relaxField("dkim-signature", unsigned.replaceAll("\r\n", ""));
  // A header that occurs twice is signed from the last one up; none of ours does.
  const data = Buffer.from([...fields.map(({ relaxed }) => relaxed), own].join("\r\n"));
  const signature = await (isRsa
    ? signApart("sha256", data, key)
    : signApart(null, createHash("sha256").update(data).digest(), key));
  return `DKIM-Signature:${unsigned}${foldSignature(signature.toString("base64"))}\r\n`;
}

/** Signs in a thread of Node.js. */
const signApart = (algorithm: string | null, data: Buffer, key: KeyObject): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    signData(algorithm, data, key, (error, signature) =>
      error ? reject(error) : resolve(signature),
    );
  });

const signatureLine = 72;

/** White space inside a signature has no meaning, and lines are kept short. */
const foldSignature = (signature: string): string =>
  signature.match(new RegExp(`.{1,${signatureLine}}`, "g"))!.join("\r\n ");

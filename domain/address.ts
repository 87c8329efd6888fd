import { domainToASCII } from "node:url";

/** A mailbox that is safe to write into an envelope and a header as it stands. */
export interface Mailbox {
  /** `local@domain`, the domain in its ASCII form (IDNA). */
  address: string;
  domain: string;
  /** The local part is not ASCII: only a server with SMTPUTF8 (RFC 6531) can take it. */
  smtpUtf8: boolean;
}

/** A dot-atom of RFC 5322, with what RFC 6532 adds. Quoted local parts are refused: nobody has one, and they can hold anything. */
const localPart =
  /^[\w!#$%&'*+/=?^`{|}~\u0080-\uFFFF-]+(?:\.[\w!#$%&'*+/=?^`{|}~\u0080-\uFFFF-]+)*$/;
const hiddenCharacters = /[\p{C}\p{Z}]/u;
const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Null for what is no single mailbox at a named domain. */
export function parseMailbox(text: string): Mailbox | null {
  const at = text.lastIndexOf("@");
  const local = text.slice(0, at);
  if (at < 1 || !localPart.test(local) || Buffer.byteLength(local) > 64) return null;
  const domain = asciiDomain(text.slice(at + 1));
  if (domain === null || hiddenCharacters.test(local)) return null;
  const address = `${local}@${domain}`;
  return Buffer.byteLength(address) > 254
    ? null
    : { address, domain, smtpUtf8: !/^[!-~]*$/.test(local) };
}

/** One text for all spellings of an address: what suppressions are kept and looked up by. Null for what is no mailbox. */
export function addressKey(text: string): string | null {
  // Servers may tell `Ada@` from `ada@`, and none does: a wish not to be written to holds for both.
  return parseMailbox(text)?.address.toLowerCase() ?? null;
}

function asciiDomain(text: string): string | null {
  // As a URL's host, a percent sign and much else would be decoded.
  if (!/^[A-Za-z0-9.\u0080-\uFFFF-]+$/.test(text)) return null;
  const domain = /^[a-z0-9.-]+$/.test(text) ? text : domainToASCII(text);
  const labels = domain.split(".");
  // A URL's host may also be an IPv4 address, in many spellings.
  return labels.every((part) => label.test(part)) && !/^\d+$/.test(labels.at(-1)!) ? domain : null;
}

/** Who a message is from. */
export interface Sender {
  mailbox: Mailbox;
  /** Any text in one line, not encoded; empty for a bare address. */
  name: string;
}

/** Reads `Name <name@example.org>` or a bare address; null for anything else, and for one that is not ASCII before the `@`. */
export function parseSender(text: string): Sender | null {
  const named = /^\s*(.*?)\s*<([^<>]*)>\s*$/s.exec(text);
  const mailbox = parseMailbox(named ? named[2]! : text.trim());
  if (!mailbox || mailbox.smtpUtf8) return null;
  const name = (named?.[1] ?? "").replace(/^"(.*)"$/s, "$1").replace(/[\s\p{Cc}]+/gu, " ");
  return { mailbox, name };
}

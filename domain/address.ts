import { domainToASCII, domainToUnicode } from "node:url";
import { oneLine } from "./text.ts";

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

/** Longest domain that the DNS has (RFC 1035, section 2.3.4), in octets without the last dot. */
const maxDomainLength = 253;

/**
 * The one form of Unicode in which addresses are compared (NFC: RFC 6532, section 3.1): what looks the same is the same, whether
 * an accent is a character of its own or not.
 */
export const normalizeAddress = (text: string): string =>
  isAscii(text) ? text : text.normalize("NFC");

const isAscii = (text: string): boolean => !/[^\0-\x7f]/.test(text);

/**
 * An address as it is kept: in NFC, a domain beyond ASCII as IDNA maps it, and else as it was given. What is no mailbox is only
 * normalised.
 */
export function keptAddress(text: string): string {
  if (isAscii(text)) return text;
  const normal = normalizeAddress(text);
  const mailbox = parseMailbox(normal);
  const at = normal.lastIndexOf("@") + 1;
  return mailbox === null || isAscii(normal.slice(at))
    ? normal
    : normal.slice(0, at) + domainToUnicode(mailbox.domain);
}

/** Null for what is no single mailbox at a named domain. */
export function parseMailbox(text: string): Mailbox | null {
  const normal = normalizeAddress(text);
  const at = normal.lastIndexOf("@");
  const local = normal.slice(0, at);
  if (at < 1 || !localPart.test(local) || Buffer.byteLength(local) > 64) return null;
  const domain = asciiDomain(normal.slice(at + 1));
  if (domain === null || hiddenCharacters.test(local)) return null;
  const address = `${local}@${domain}`;
  return Buffer.byteLength(address) > 254
    ? null
    : { address, domain, smtpUtf8: !/^[!-~]*$/.test(local) };
}

/**
 * Why nothing is sent to an address, or null. Beside what is no mailbox these are addresses that programs on the way have taken for more:
 * `%` and `!` before the @ once meant a route over other servers, and what begins with `-` an option of a command.
 */
export function mailboxFault(text: string): string | null {
  if (parseMailbox(text) === null) return "must be an e-mail address, such as ada@example.org";
  const local = text.slice(0, text.lastIndexOf("@"));
  if (/[%!]/.test(local))
    return "must have no % or ! before the @, by which mail has been routed over other servers";
  return local.startsWith("-")
    ? "must not begin with -, which programs that handle mail have taken for an option"
    : null;
}

/** One text for all spellings of an address: what suppressions are kept and looked up by. Null for what is no mailbox. */
export function addressKey(text: string): string | null {
  // Servers may tell `Ada@` from `ada@`, and none does: a wish not to be written to holds for both.
  const mailbox = parseMailbox(text);
  return mailbox && normalizeAddress(mailbox.address.toLowerCase());
}

/**
 * The spellings in which an address may be kept beside the one that is given, or its end from the @ on: with the domain as people write
 * it and as the DNS has it. Case is left to whoever compares.
 */
export function addressSpellings(text: string): string[] {
  const given = normalizeAddress(text);
  const at = given.lastIndexOf("@") + 1;
  const domain = at === 0 ? null : asciiDomain(given.slice(at));
  if (domain === null) return [given];
  const before = given.slice(0, at);
  const spoken = domain.includes(encodedLabel) ? domainToUnicode(domain) : domain;
  const spellings = [
    given.toLowerCase(),
    ...[domain, spoken].map((one) => (before + one).toLowerCase()),
  ];
  return [...new Set(spellings)];
}

/** An address from a query, in which a plus sign that was not encoded arrives as a blank: no address has a blank. */
export function restorePlus(text: string): string {
  const restored = text.replaceAll(" ", "+");
  return parseMailbox(restored) === null ? text : restored;
}

/** What a label begins with that stands for characters beyond ASCII: an A-label of RFC 5890. */
const encodedLabel = "xn--";

/** A domain as the DNS has it; null for what is none. */
function asciiDomain(text: string): string | null {
  // As a URL's host, a percent sign and much else would be decoded.
  if (!/^[A-Za-z0-9.\u0080-\uFFFF-]+$/.test(text)) return null;
  // Those that show nothing are dropped by IDNA, but for the joiners, which words of some languages need.
  if (!isAscii(text) && hiddenCharacters.test(text.replaceAll(/[\u200c\u200d]/g, ""))) return null;
  const plain = /^[a-z0-9.-]+$/.test(text) && !text.includes(encodedLabel);
  const domain = plain ? text : domainToASCII(text);
  if (domain.length > maxDomainLength) return null;
  const labels = domain.split(".");
  // A URL's host may also be an IPv4 address, in many spellings.
  if (!labels.every((part) => label.test(part)) || /^\d+$/.test(labels.at(-1)!)) return null;
  return labels.every(isLabel) ? domain : null;
}

/** An A-label must stand for the label that is encoded as it (RFC 5891, section 5.4); others were looked at before. */
function isLabel(part: string): boolean {
  if (!part.startsWith(encodedLabel)) return true;
  const spoken = domainToUnicode(part);
  return spoken !== part && domainToASCII(spoken) === part;
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
  const name = oneLine((named?.[1] ?? "").replace(/^"(.*)"$/s, "$1"));
  return { mailbox, name };
}

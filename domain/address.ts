import { domainToASCII, domainToUnicode } from "node:url";
import { oneLine } from "./text.ts";

/** A mailbox that is safe to write into an envelope and a header without escaping. */
export interface Mailbox {
  /** `local@domain`, with the domain in its ASCII form (IDNA). */
  address: string;
  domain: string;
  /** Whether the local part is not ASCII: only a server with SMTPUTF8 (RFC 6531) accepts such a mailbox. */
  smtpUtf8: boolean;
}

/** A dot-atom of RFC 5322, extended by RFC 6532. Quoted local parts are refused: they are hardly used and can contain any character. */
const localPart =
  /^[\w!#$%&'*+/=?^`{|}~\u0080-\uFFFF-]+(?:\.[\w!#$%&'*+/=?^`{|}~\u0080-\uFFFF-]+)*$/;
const hiddenCharacters = /[\p{C}\p{Z}]/u;
const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** The longest domain that DNS allows (RFC 1035, section 2.3.4), in octets without the last dot. */
const maxDomainLength = 253;

/**
 * Converts a text to NFC, the Unicode form in which addresses are compared (RFC 6532, section 3.1): a letter with an accent is then the
 * same whether the accent is a separate character or not.
 */
export const normalizeAddress = (text: string): string =>
  isAscii(text) ? text : text.normalize("NFC");

const isAscii = (text: string): boolean => !/[^\0-\x7f]/.test(text);

/**
 * The form in which an address is stored: in NFC, with a domain beyond ASCII mapped by IDNA, and otherwise as given. A text that is
 * not a mailbox is only normalised.
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

/** Parses an address. Null where the text is not exactly one mailbox at a named domain. */
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
 * Why an address is refused, or null if it is accepted. Besides texts that are not mailboxes, this refuses addresses that mail programs
 * have misread: `%` and `!` before the @ were once a route over other servers, and a leading `-` an option of a command.
 */
export function mailboxFault(text: string): string | null {
  if (parseMailbox(text) === null) return "must be an email address, such as ada@example.org";
  const local = text.slice(0, text.lastIndexOf("@"));
  if (/[%!]/.test(local))
    return "must not have % or ! before the @: some servers read them as a route over other servers";
  return local.startsWith("-")
    ? "must not begin with -: some mail programs read it as an option of a command"
    : null;
}

/** The same text for all spellings of an address: suppressions are stored and found by it. Null for a text that is not a mailbox. */
export function addressKey(text: string): string | null {
  // A server may distinguish `Ada@` from `ada@`, but hardly any does: a suppression applies to both.
  const mailbox = parseMailbox(text);
  return mailbox && normalizeAddress(mailbox.address.toLowerCase());
}

/**
 * The spellings in which an address, or its end from the @ on, may be stored: with the domain in Unicode and in its ASCII form.
 * The spellings of a domain are in lower case: compare them without regard to case.
 */
export function addressSpellings(text: string): string[] {
  const given = normalizeAddress(text);
  const at = given.lastIndexOf("@") + 1;
  const domain = at === 0 ? null : asciiDomain(given.slice(at));
  if (domain === null) return [given];
  const before = given.slice(0, at);
  const unicodeDomain = domain.includes(encodedLabel) ? domainToUnicode(domain) : domain;
  const spellings = [
    given.toLowerCase(),
    ...[domain, unicodeDomain].map((spelling) => (before + spelling).toLowerCase()),
  ];
  return [...new Set(spellings)];
}

/** Restores an address from a query string, where a plus sign that was not encoded arrives as a space: no address contains a space. */
export function restorePlus(text: string): string {
  const restored = text.replaceAll(" ", "+");
  return parseMailbox(restored) === null ? text : restored;
}

/** The prefix of a label that encodes characters beyond ASCII: an A-label of RFC 5890. */
const encodedLabel = "xn--";

/** The ASCII form of a domain; null for a text that is not a domain. */
function asciiDomain(text: string): string | null {
  // `domainToASCII` reads a URL's host, and would decode percent signs and other characters.
  if (!/^[A-Za-z0-9.\u0080-\uFFFF-]+$/.test(text)) return null;
  // IDNA drops hidden characters, except for the joiners, which words of some languages need.
  if (!isAscii(text) && hiddenCharacters.test(text.replaceAll(/[\u200c\u200d]/g, ""))) return null;
  const plain = /^[a-z0-9.-]+$/.test(text) && !text.includes(encodedLabel);
  const domain = plain ? text : domainToASCII(text);
  if (domain.length > maxDomainLength) return null;
  const labels = domain.split(".");
  // A URL's host may also be an IPv4 address, in many spellings.
  if (!labels.every((part) => label.test(part)) || /^\d+$/.test(labels.at(-1)!)) return null;
  return labels.every(isLabel) ? domain : null;
}

/** Whether an A-label is the encoding of the label that it decodes to (RFC 5891, section 5.4). Other labels are already checked. */
function isLabel(part: string): boolean {
  if (!part.startsWith(encodedLabel)) return true;
  const decoded = domainToUnicode(part);
  return decoded !== part && domainToASCII(decoded) === part;
}

/** The sender of a message. */
export interface Sender {
  mailbox: Mailbox;
  /** The display name: any text in one line, not encoded; empty for a bare address. */
  name: string;
}

/** Parses `Name <name@example.org>` or a bare address. Null for any other text, and for an address that is not ASCII before the `@`. */
export function parseSender(text: string): Sender | null {
  const named = /^\s*(.*?)\s*<([^<>]*)>\s*$/s.exec(text);
  const mailbox = parseMailbox(named ? named[2]! : text.trim());
  if (!mailbox || mailbox.smtpUtf8) return null;
  const name = oneLine((named?.[1] ?? "").replace(/^"(.*)"$/s, "$1"));
  return { mailbox, name };
}

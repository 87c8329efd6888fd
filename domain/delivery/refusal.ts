import type { AttemptFailure } from "./attempt.ts";

/**
 * The phase in which a server refused a mail: the greeting or sign-in, a command of the envelope, or the end of the content. `report` is a
 * bounce message about a mail that was accepted.
 */
export type RefusalPhase = "connection" | "mail" | "rcpt" | "data" | "content" | "report";

/** The subject of a refusal, which determines the consequence. */
export type RefusalSubject =
  /** The address does not exist. */
  | "unknown_address"
  /** The mailbox exists and is full. */
  | "mailbox_full"
  /** The recipient, for any other reason. */
  | "recipient"
  /** This message: its size or its content. */
  | "message"
  /** The sender: its permissions or its reputation. */
  | "sender"
  /** The server itself: its state, its network, its protocol. */
  | "server";

/** An enhanced status code (RFC 3463) after the code of a reply, or by itself in a report. */
const enhancedCode = /^(?:[45]\d\d[ -])?([45])\.(\d{1,3})\.(\d{1,3})\b/m;

/** Details of subject 1 (RFC 3463, 3.2 and its registry): the mailbox or its domain does not exist, is malformed, has moved or accepts no mail. */
const unknownAddressDetails = new Set(["1", "2", "3", "6", "10"]);
/** Details of subject 1: the sender's own address has a bad syntax or a bad domain. */
const senderAddressDetails = new Set(["7", "8"]);

// The order of these patterns matters: "sender unknown" is about the sender, "user unknown in relay table" about the recipient.
const namesSender =
  /\b(?:senders?|from[ -]address|return[ -]path|envelope[ -]from|mail from)\b|\bnot owned by\b/i;
const namesNobody = new RegExp(
  [
    String.raw`\b(?:no such|unknown|non-?existent|unrouteable|undeliverable|inactive|disabled|deactivated)(?: \S+){0,3}? (?:users?|recipients?|mailbox(?:es)?|address(?:ee|es)?|accounts?|person)\b`,
    String.raw`\b(?:invalid|bad) (?:destination |recipient |mailbox |e-?mail )*(?:users?|recipients?|mailbox|address|accounts?)\b`,
    String.raw`\b(?:users?|recipients?|mailbox|address|addressee|accounts?|person)\b.{0,60}\b(?:unknown|not (?:found|exist\w*|known|here|listed|a valid|a known)|(?:does not|doesn't|doesnt|do not|don't|did not) exist|no longer|non-?existent|invalid|disabled|deactivated|inactive)\b`,
    String.raw`\bno (?:mailbox|user|recipient|one) (?:here|by|of|with)\b|\bnobody (?:here|by|of|with)\b|\bno such (?:user|recipient|mailbox|person|address|account)`,
  ].join("|"),
  "i",
);
const namesRoom =
  /\b(?:mailbox|inbox|user|recipient|account|storage|disk)\b.{0,40}\b(?:full|quota|exceed\w*|exhausted)\b|\bover ?quota\b|\bquota (?:exceeded|full)\b|\bexceeded storage\b|\binsufficient storage\b/i;
const namesPolicy =
  /\b(?:spf|dkim|dmarc|spam(?:mer|haus)?|block(?:ed|ing|list(?:ed)?)|black-?list(?:ed)?|rbl|dnsbl|reputation|relay(?:ing)?|(?:not|un) ?(?:permitted|allowed|authori[sz]ed)|denied|authenticat\w*|polic(?:y|ies)|prohibit\w*|banned|throttl\w*|rates?|too (?:many|much|fast)|limits?|limited|quota|your (?:ip|host|server|network|account|domain|message rate)|client host|reverse dns|ptr|helo|ehlo)\b/i;
const namesRoute =
  /\b(?:recipients?|users?|mailbox|address|domain|hosts?|route|unrout\w+|loop\w*|hops?|mx)\b/i;

/** Greylisting concerns one message only: the server accepts other messages meanwhile. */
const namesGreylisting = /\bgr[ae]y-?list/i;

export const isGreylisting = (reply: string): boolean => namesGreylisting.test(reply);

/** Temporary refusals for reasons of policy, and requests to come back later without an enhanced code. */
const namesPace =
  /^4(?:21|50|51)[ -](?:4\.7\.\d|(?!\d\.).*(?:\btry again later\b|\btoo (?:many|much|fast)\b|\brate limit|\bthrottl))/i;

/**
 * Whether a refusal may concern all messages to the receiving domain for now, as far as the reply shows: it came after the recipient was named.
 * Greylisting concerns one message only.
 */
export const mayBeOfDomain = (phase: RefusalPhase, reply: string): boolean =>
  (phase === "rcpt" || phase === "data" || phase === "content") &&
  namesPace.test(reply) &&
  !isGreylisting(reply);

/** Reply codes that concern the server, whatever the command: it closes, refuses the sign-in, does not understand, or accepts no mail. */
const serverCodes = new Set([421, 432, 454, 455, 500, 501, 502, 503, 504, 521, 555]);

/**
 * Finds the subject of a refusal: by the enhanced code (RFC 3463, RFC 7372) if the reply has one, else by the command, since MAIL names no
 * recipient (RFC 5321, 3.3), and else by the words of the reply.
 * @param reply the reply, which begins with its code, or with the enhanced code of a report
 */
export function refusalSubject(phase: RefusalPhase, reply: string): RefusalSubject {
  const [, severity, subject, detail] = enhancedCode.exec(reply) ?? [];
  const isForGood = (severity ?? reply[0]) === "5";
  if (phase === "connection" || phase === "mail")
    return subject === undefined
      ? beforeRecipientByCode(phase, Number(reply.slice(0, 3)))
      : beforeRecipientByEnhancedCode(subject, detail!);
  if (isGreylisting(reply) && !isForGood) return "recipient";
  if (subject !== undefined && subject !== "0")
    return byEnhancedCode(reply, { subject, detail: detail!, isForGood });
  return byCode(phase, reply);
}

/** The subject by the enhanced code of a refusal before any recipient was named. */
function beforeRecipientByEnhancedCode(subject: string, detail: string): RefusalSubject {
  if (subject === "6" || (subject === "3" && detail === "4")) return "message";
  const aboutSender = subject === "1" || subject === "7" || (subject === "4" && detail === "5");
  return aboutSender ? "sender" : "server";
}

function beforeRecipientByCode(phase: "connection" | "mail", code: number): RefusalSubject {
  if (phase === "connection" || serverCodes.has(code) || code < 500) return "server";
  return code === 552 ? "message" : "sender";
}

function byEnhancedCode(
  reply: string,
  { subject, detail, isForGood }: { subject: string; detail: string; isForGood: boolean },
): RefusalSubject {
  switch (subject) {
    case "1":
      if (senderAddressDetails.has(detail) || (detail === "0" && namesSender.test(reply)))
        return "sender";
      return isForGood && unknownAddressDetails.has(detail) ? "unknown_address" : "recipient";
    case "2":
      if (detail === "2") return "mailbox_full";
      return isForGood && detail === "1" ? "unknown_address" : "recipient";
    case "3":
      return detail === "4" ? "message" : "server";
    case "4":
      // A relay uses these codes for the route to the recipient's own server.
      if (isForGood && detail !== "5" && namesRoute.test(reply)) return "recipient";
      return isForGood && detail === "5" ? "sender" : "server";
    case "6":
      return "message";
    case "7":
      return "sender";
    default:
      return "server";
  }
}

function byCode(phase: RefusalPhase, reply: string): RefusalSubject {
  const code = Number(reply.slice(0, 3));
  if (code === 556) return "unknown_address";
  if (serverCodes.has(code)) return "server";
  if (code === 451 || code === 452 || code === 552) {
    if (namesRoom.test(reply) && !/\bsystem storage\b/i.test(reply)) return "mailbox_full";
    if (code === 552) return phase === "rcpt" ? "mailbox_full" : "message";
    return "server";
  }
  if (code < 500) return "recipient";
  if (namesSender.test(reply)) return "sender";
  if (namesNobody.test(reply)) return phase === "content" ? "recipient" : "unknown_address";
  if (namesRoom.test(reply)) return "mailbox_full";
  if (namesPolicy.test(reply)) return "sender";
  return phase === "content" ? "message" : phase === "data" ? "server" : "recipient";
}

/** The failure of an attempt after a permanent refusal. */
export function permanentFailure(subject: RefusalSubject): AttemptFailure {
  switch (subject) {
    case "unknown_address":
    case "mailbox_full":
      return subject;
    case "recipient":
      return "recipient_refused";
    case "message":
      return "smtp_5xx";
    case "sender":
    case "server":
      return "sender_refused";
  }
}

import {
  isGreylisting,
  mayBeOfDomain,
  permanentFailure,
  refusalSubject,
  type RefusalPhase,
} from "../../../domain/delivery/refusal.ts";
import type { ProviderSignal } from "../admission.ts";
import { smtpRetryAfterMs } from "../../../domain/delivery/retry-after.ts";
import type { Loss, Mail, Verdict } from "./smtp-job.ts";
import type { Reply } from "./smtp-replies.ts";

/** A reply that refused a mail, and the phase in which it came. */
export interface Refusal extends Reply {
  phase: RefusalPhase;
}

/** The codes of replies that do not concern a mail: help, the connection, the sign-in (RFC 5321, 4.2.3; RFC 4954, 6). */
const otherSubjects = new Set([211, 214, 220, 221, 235]);

/** True if a reply to MAIL, RCPT or the final dot is positive. A code that is in no list is judged by its first digit (RFC 5321, 4.2.1). */
export function isAcceptance({ code }: Reply): boolean {
  return code < 300 && !otherSubjects.has(code);
}

export function isRefusal({ code }: Reply): boolean {
  return code >= 400;
}

/** The codes by which a server says that the client has to authenticate, so that the message is not at fault. */
const authenticationCodes = new Set([530, 534, 535, 538]);

/** The verdict on a mail whose final dot has a positive reply. */
export function judgeAcceptance({ text }: Reply): Verdict {
  return { outcome: "sent", failure: null, response: text, signal: "answered" };
}

/** Whether a refusal of a mail concerns its receiving domain. Without limits of the domain it is taken to concern the server. */
const isOfDomain = ({ text, phase }: Refusal, mail: Mail): boolean =>
  mail.isDomainLimited && mayBeOfDomain(phase, text);

/**
 * The verdict on a refused mail. A delay that the server names concerns the message, unless the server asks for a rest: by 421,
 * or before it knows a recipient.
 */
export function judgeRefusal(refusal: Refusal, mail: Mail): Verdict {
  const { code, text, phase } = refusal;
  const response = text;
  if (authenticationCodes.has(code))
    return { outcome: "transient", failure: "auth", response, signal: "failed" };
  const subject = refusalSubject(phase, text);
  const isOurs = subject === "sender" || subject === "server";
  if (code >= 500)
    return {
      outcome: isOurs ? "transient" : "permanent",
      failure: permanentFailure(subject),
      response,
      signal: isOurs ? "failed" : "answered",
    };
  const retryAfterMs = smtpRetryAfterMs(text);
  if (isOfDomain(refusal, mail))
    return {
      outcome: "transient",
      failure: "smtp_4xx",
      response,
      signal: "nothing",
      retryAfterMs,
      isOfDomain: true,
    };
  const rests = retryAfterMs !== null && (code === 421 || phase === "mail");
  return {
    outcome: "transient",
    failure: subject === "mailbox_full" ? "mailbox_full" : "smtp_4xx",
    response,
    signal: rests ? "rest" : isOurs ? "failed" : "answered",
    retryAfterMs,
  };
}

/** True if a refusal concerns the server or the client, and so perhaps only the connection. */
export function mayBeOfConnection(refusal: Refusal, mail: Mail): boolean {
  if (isOfDomain(refusal, mail)) return false;
  const { text, phase } = refusal;
  const subject = refusalSubject(phase, text);
  return subject === "sender" || subject === "server";
}

/** The verdict on a mail whose connection ended: `unknown` if the server may have the whole message. */
export function judgeLoss(
  { failure, message }: Loss,
  outcome: "transient" | "unknown" = "transient",
): Verdict {
  const isReply = failure === "smtp_4xx";
  const retryAfterMs = isReply ? smtpRetryAfterMs(message) : null;
  return {
    outcome,
    failure,
    response: message,
    signal: retryAfterMs !== null ? "rest" : signalOf({ failure, message }),
    retryAfterMs,
  };
}

function signalOf({ failure, message }: Loss): ProviderSignal {
  if (failure === "interrupted") return "nothing";
  return failure === "smtp_4xx" && isGreylisting(message) ? "answered" : "failed";
}

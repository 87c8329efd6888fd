import {
  isGreylisting,
  permanentFailure,
  refusalSubject,
  type RefusalPhase,
} from "../../../domain/delivery/refusal.ts";
import type { ProviderSignal } from "../admission.ts";
import { smtpRetryAfterMs } from "../../../domain/delivery/retry-after.ts";
import type { Loss, Verdict } from "./smtp-job.ts";
import type { Reply } from "./smtp-replies.ts";

/** A reply by which a mail was refused, and to what. */
export interface Refusal extends Reply {
  phase: RefusalPhase;
}

/** Replies about something else than a mail: help, the connection, the sign-in (RFC 5321, 4.2.3; RFC 4954, 6). */
const otherSubjects = new Set([211, 214, 220, 221, 235]);

/** Does a reply to MAIL, RCPT or the final dot say yes? By the first digit where the code is in no list (RFC 5321, 4.2.1). */
export function isAcceptance({ code }: Reply): boolean {
  return code < 300 && !otherSubjects.has(code);
}

export function isRefusal({ code }: Reply): boolean {
  return code >= 400;
}

/** Replies that say that it is us, not the message, who must mend something before it can be taken. */
const authenticationCodes = new Set([530, 534, 535, 538]);

/** What the reply to a final dot that takes the mail makes of it. */
export function judgeAcceptance({ text }: Reply): Verdict {
  return { outcome: "sent", failure: null, response: text, signal: "answered" };
}

/**
 * What a refusal makes of its mail. A delay that the server names is the message's own, unless it is the server that asks to be left
 * alone: by 421, or before any recipient was named.
 */
export function judgeRefusal({ code, text, phase }: Refusal): Verdict {
  const response = text;
  if (authenticationCodes.has(code))
    return { outcome: "transient", failure: "auth", response, signal: "failed" };
  const subject = refusalSubject(phase, text);
  const aboutUs = subject === "sender" || subject === "server";
  if (code >= 500)
    return {
      outcome: aboutUs ? "transient" : "permanent",
      failure: permanentFailure(subject),
      response,
      signal: aboutUs ? "failed" : "answered",
    };
  const retryAfterMs = smtpRetryAfterMs(text);
  const rests = retryAfterMs !== null && (code === 421 || phase === "mail");
  return {
    outcome: "transient",
    failure: subject === "mailbox_full" ? "mailbox_full" : "smtp_4xx",
    response,
    signal: rests ? "rest" : aboutUs ? "failed" : "answered",
    retryAfterMs,
  };
}

/** Is a refusal about the server, or about us, and so perhaps about the connection only? */
export function mayBeOfConnection({ text, phase }: Refusal): boolean {
  const subject = refusalSubject(phase, text);
  return subject === "sender" || subject === "server";
}

/** What the end of a connection makes of a mail: `unknown` where the server may have the whole of it. */
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

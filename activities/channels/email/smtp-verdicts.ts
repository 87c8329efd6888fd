import type { Loss, Verdict } from "./smtp-job.ts";
import type { Reply } from "./smtp-replies.ts";

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

/** What a reply that accepts or refuses makes of its mail. */
export function judgeReply({ code, text }: Reply): Verdict {
  if (code < 300) return { outcome: "sent", failure: null, response: text };
  if (authenticationCodes.has(code))
    return { outcome: "transient", failure: "auth", response: text };
  if (code >= 500) return { outcome: "permanent", failure: "smtp_5xx", response: text };
  return { outcome: "transient", failure: "smtp_4xx", response: text };
}

/** What the end of a connection makes of a mail: `unknown` where the server may have the whole of it. */
export function judgeLoss(
  { failure, message }: Loss,
  outcome: "transient" | "unknown" = "transient",
): Verdict {
  return { outcome, failure, response: message };
}

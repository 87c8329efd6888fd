import type { AttemptFailure } from "./attempt.ts";

/** The enhanced status code (RFC 3463) after the code of a reply. */
const enhanced = /^4\d\d[ -]4\.(\d{1,3})\.\d{1,3}\b/;

/** Subjects of enhanced codes that are the server's own: its system, its network, and what it lets us do. */
const ownSubjects = new Set(["3", "4", "7"]);

/**
 * Without an enhanced code: it closes, has an error, has no room, cannot sign us in, cannot do as asked. 450 is about a mailbox,
 * and what is in no list may be.
 */
const ownReplies = /^(?:421|432|451|452|454|455)\b/;

/** A server that wants to see the same message again takes others meanwhile. */
const greylisting = /\bgr[ae]y-?list/i;

/**
 * Is it the provider that failed, rather than one message or its recipient? So it is where there was no connection, no answer in
 * time or no way to sign in, and where a temporary refusal speaks of the server itself (421, 4.3.x, 4.4.x, 4.7.x). A mailbox that is
 * full, an address that is greylisted and any refusal for good show that the provider is there.
 * @param response what it said, the code first, where it is `smtp_4xx`
 */
export function isProviderFault(failure: AttemptFailure | null, response: string | null): boolean {
  switch (failure) {
    case "connection":
    case "timeout":
    case "auth":
      return true;
    case "smtp_4xx": {
      const reply = response ?? "";
      if (greylisting.test(reply)) return false;
      if (reply.startsWith("421")) return true;
      const subject = enhanced.exec(reply)?.[1];
      return subject === undefined ? ownReplies.test(reply) : ownSubjects.has(subject);
    }
    case "smtp_5xx":
    case "interrupted":
    case null:
      return false;
  }
}

import type { AttemptFailure } from "../delivery/attempt.ts";
import { failureOfReport } from "../delivery/bounce-class.ts";
import { parsePublicId } from "../ids.ts";
import type { InboundKind, InboundReport } from "../inbound-report.ts";
import { withoutNames } from "../returned-mail/without-names.ts";
import type { ReturnAddresses } from "../return-addresses.ts";
import { cutText, oneLine } from "../text.ts";
import type { ActionTarget } from "../tokens.ts";

/** What a provider of email says became of a message, as it was read from one of its webhooks. */
export interface ProviderEvent {
  /** The provider's id of the event, the same each time that it is sent. */
  id: string;
  /** Headers and other texts in which the id or the return address of the message stands. */
  texts: readonly string[];
  report: InboundReport;
}

/** Makes a report of one recipient. */
export const reportOf = (
  kind: InboundKind,
  address: string,
  at: Date | null,
  bounce?: { failure: AttemptFailure | null; reply: string },
): InboundReport => {
  const reply = bounce
    ? cutText(
        oneLine(withoutNames(cutText(bounce.reply, 4_000)).replaceAll(/\p{Cc}+/gu, " ")),
        1_000,
      )
    : null;
  return {
    kind,
    addresses: [address],
    at,
    reply,
    // Where the provider does not say why, the answer of the recipient's server does.
    failure: bounce ? (bounce.failure ?? failureOfReport(reply!)) : null,
  };
};

/** An instant as a provider gives it: a text, or seconds since the epoch. Null for another text. */
export function readInstant(value: string | number | undefined): Date | null {
  if (value === undefined) return null;
  const at = new Date(typeof value === "number" ? value * 1_000 : value);
  return Number.isNaN(at.getTime()) ? null : at;
}

/** Finds the message of an event by its id, which is a part of its Message-ID and headers, or by its return address; null if it is none of ours. */
export function findMessage(
  texts: readonly string[],
  addresses: Pick<ReturnAddresses, "read"> | null,
): ActionTarget | null {
  for (const text of texts) {
    for (const [id] of text.matchAll(/\b(?:dlv|grp)_[0-7][0-9a-hjkmnp-tv-z]{25}\b/g)) {
      const delivery = parsePublicId("delivery", id);
      if (delivery !== null) return { delivery };
      const group = parsePublicId("group", id);
      if (group !== null) return { group };
    }
    for (const [address] of text.matchAll(/\bb\+[a-z2-7]{1,62}@[\w.-]{1,255}/gi)) {
      const found = addresses?.read(address);
      if (found) return found.message;
    }
  }
  return null;
}

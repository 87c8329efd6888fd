import { failureOfReport } from "../delivery/bounce-class.ts";
import type { InboundKind, InboundReport } from "../inbound-report.ts";
import type { FeedbackReport } from "./arf.ts";
import type { RecipientReport } from "./dsn.ts";
import type { ReturnedMail } from "./read.ts";

const kindOfAction = {
  failed: "bounced",
  delayed: "delayed",
  delivered: "delivered",
  passed_on: "other",
} as const satisfies Record<RecipientReport["action"], InboundKind>;

const kindOfFeedback = {
  complaint: "complained",
  not_spam: "not_spam",
  unsubscribe: "unsubscribed",
  other: "other",
} as const satisfies Record<FeedbackReport["kind"], InboundKind>;

/** What a mail to the return address of a message says about that message. */
export function toReports(mail: ReturnedMail): InboundReport[] {
  const nothing = { addresses: [], failure: null, reply: null, at: null };
  switch (mail.kind) {
    case "reports":
      return mail.reports.map(({ action, addresses, reply }) => ({
        ...nothing,
        kind: kindOfAction[action],
        addresses,
        ...(action === "failed" && { failure: failureOfReport(reply), reply }),
      }));
    case "feedback": {
      const { kind, addresses } = mail.feedback;
      return [{ ...nothing, kind: kindOfFeedback[kind], addresses }];
    }
    case "automatic":
    case "other":
      return [{ ...nothing, kind: mail.kind }];
  }
}

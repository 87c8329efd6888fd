import { z } from "zod";
import type { AttemptFailure } from "../delivery/attempt.ts";
import { type ProviderEvent, readInstant, reportOf } from "./event.ts";

/*
 * Amazon SES, over SNS: https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html and event-publishing-retrieving-sns-contents.html.
 * The two forms differ in the name of the type only.
 */

const text = z.string().max(10_000);
const recipient = z.looseObject({
  emailAddress: text,
  status: text.optional(),
  diagnosticCode: text.optional(),
});

/** The message of a notification. */
const notification = z.looseObject({
  notificationType: text.optional(),
  eventType: text.optional(),
  mail: z.looseObject({
    source: text.optional(),
    headers: z
      .array(z.looseObject({ name: text, value: text }))
      .max(1_000)
      .optional(),
    commonHeaders: z.looseObject({ messageId: text.optional() }).optional(),
  }),
  bounce: z
    .looseObject({
      bounceType: text,
      bounceSubType: text,
      bouncedRecipients: z.array(recipient).max(100),
      timestamp: text.optional(),
    })
    .optional(),
  complaint: z
    .looseObject({
      complainedRecipients: z.array(recipient).max(100),
      complaintFeedbackType: text.optional(),
      timestamp: text.optional(),
    })
    .optional(),
  delivery: z
    .looseObject({ recipients: z.array(text).max(100), timestamp: text.optional() })
    .optional(),
});

/** Headers that contain the id of the message. SES gives messages another Message-ID, and shows the one that was given. */
const ourHeaders = new Set(["message-id", "x-tidings-delivery", "x-tidings-group"]);

/**
 * Reads a notification of SES.
 * @param id the id of the SNS message
 * @param message its content, in JSON
 */
export function readSesEvents(id: string, message: unknown): ProviderEvent[] {
  const read = notification.safeParse(message);
  if (!read.success) return [];
  const { mail, bounce, complaint, delivery, notificationType, eventType } = read.data;
  const texts = [
    ...(mail.headers ?? [])
      .filter(({ name }) => ourHeaders.has(name.toLowerCase()))
      .map(({ value }) => value),
    mail.commonHeaders?.messageId ?? "",
    mail.source ?? "",
  ];
  const event = (report: ProviderEvent["report"]) => ({
    id: `${id} ${report.addresses[0]}`,
    texts,
    report,
  });
  const type = notificationType ?? eventType;
  if (type === "Bounce" && bounce) {
    const at = readInstant(bounce.timestamp);
    return bounce.bouncedRecipients.map(({ emailAddress, status = "", diagnosticCode = "" }) => {
      const failure = failureOf(bounce.bounceType, bounce.bounceSubType);
      const reply = `${status} ${diagnosticCode.replace(/^smtp;\s*/i, "")}`.trim();
      // A reader who is away looks like this.
      if (bounce.bounceType === "Transient" && failure === null && reply === "")
        return event(reportOf("automatic", emailAddress, at));
      const words = reply || `${bounce.bounceType}: ${bounce.bounceSubType}`;
      return event(reportOf("bounced", emailAddress, at, { failure, reply: words }));
    });
  }
  if (type === "Complaint" && complaint) {
    const kind = complaint.complaintFeedbackType === "not-spam" ? "not_spam" : "complained";
    return complaint.complainedRecipients.map(({ emailAddress }) =>
      event(reportOf(kind, emailAddress, readInstant(complaint.timestamp))),
    );
  }
  if (type === "Delivery" && delivery)
    return delivery.recipients.map((address) =>
      event(reportOf("delivered", address, readInstant(delivery.timestamp))),
    );
  return [];
}

/** What the type says by itself; null where the answer of the recipient's server decides. */
function failureOf(type: string, subType: string): AttemptFailure | null {
  if (["NoEmail", "Suppressed", "OnAccountSuppressionList"].includes(subType))
    return "unknown_address";
  if (subType === "MailboxFull") return "mailbox_full";
  if (["MessageTooLarge", "ContentRejected", "AttachmentRejected"].includes(subType))
    return "smtp_5xx";
  return type === "Permanent" || type === "Transient" ? null : "recipient_refused";
}

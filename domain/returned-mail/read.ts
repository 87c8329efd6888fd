import PostalMime, { type Email } from "postal-mime";
import { type FeedbackReport, readFeedbackReport } from "./arf.ts";
import { readBounceText, readDeliveryStatus, type RecipientReport } from "./dsn.ts";
import { readFieldAddress } from "./fields.ts";

/** A mail that came to one of our return addresses. */
export type ReturnedMail = {
  /** Its Message-ID; null without one. */
  messageId: string | null;
  subject: string;
  /** The headers of the original message and what is said about it, in which its return address may stand. */
  originals: readonly string[];
} & (
  | { kind: "reports"; reports: readonly RecipientReport[] }
  | { kind: "feedback"; feedback: FeedbackReport }
  /** A program answered, for example that its reader is away. */
  | { kind: "automatic" }
  | { kind: "other" }
);

const limits = { maxNestingDepth: 20, maxHeadersSize: 65_536, forceRfc822Attachments: true };
/** How much of the original message is searched: more than its headers. */
const originalLimit = 65_536;

const reportLimit = 262_144;

const originalTypes = new Set(["message/rfc822", "message/global", "text/rfc822-headers"]);
const namesSystem = /mailer-daemon|postmaster|mail delivery|mail administrator/i;
const namesAbsence =
  /^(?:automatic reply|auto(?:matic)?[ -]?(?:reply|response)|out of (?:the )?office|abwesenheit|réponse automatique|respuesta automática)/i;

/** Reads a mail of any form. Rejects with an error if it cannot be parsed. */
export async function readReturnedMail(raw: Uint8Array): Promise<ReturnedMail> {
  const email = await PostalMime.parse(raw, limits);
  const subject = email.subject ?? "";
  const status = partOf(email, "message/delivery-status", "message/global-delivery-status");
  const feedback = partOf(email, "message/feedback-report");
  const shared = {
    messageId: email.messageId ?? null,
    subject,
    originals: [...(feedback === null ? [] : [feedback]), ...originalsOf(email)],
  };
  if (status !== null) {
    const reports = readDeliveryStatus(status);
    if (reports.length > 0) return { ...shared, kind: "reports", reports };
  }
  if (feedback !== null) {
    const read = readFeedbackReport(feedback);
    if (read !== null) return { ...shared, kind: "feedback", feedback: read };
  }
  const report = readAsBounce(email, subject);
  if (report !== null) return { ...shared, kind: "reports", reports: [report] };
  return { ...shared, kind: isAutomatic(email, subject) ? "automatic" : "other" };
}

/** Only what a mail system wrote is a bounce: a person may write that something could not be delivered. */
function readAsBounce(email: Email, subject: string): RecipientReport | null {
  const failed = (headerOf(email, "x-failed-recipients") ?? "")
    .split(",")
    .flatMap((address) => readFieldAddress(address) ?? []);
  const from = `${email.from?.name ?? ""} ${email.from?.address ?? ""}`;
  if (failed.length === 0 && !namesSystem.test(from)) return null;
  return readBounceText(subject, email.text ?? textOfHtml(email.html ?? ""), failed);
}

/** RFC 3834, and the headers of programs that are older. */
function isAutomatic(email: Email, subject: string): boolean {
  const submitted = headerOf(email, "auto-submitted");
  return (
    (submitted !== null && !/^no\b/i.test(submitted)) ||
    ["x-autoreply", "x-autorespond", "x-auto-response"].some(
      (name) => headerOf(email, name) !== null,
    ) ||
    /^(?:auto_reply|bulk|junk)/i.test(headerOf(email, "precedence") ?? "") ||
    namesAbsence.test(subject)
  );
}

const headerOf = ({ headers }: Email, name: string): string | null =>
  headers.find(({ key }) => key === name)?.value ?? null;

function partOf(email: Email, ...types: readonly string[]): string | null {
  const part = email.attachments.find(({ mimeType }) => types.includes(mimeType.toLowerCase()));
  return part ? contentOf(part).slice(0, reportLimit) : null;
}

const originalsOf = ({ attachments }: Email): string[] =>
  attachments
    .filter(({ mimeType }) => originalTypes.has(mimeType.toLowerCase()))
    .slice(0, 3)
    .map((part) => contentOf(part).slice(0, originalLimit));

const contentOf = ({ content }: Email["attachments"][number]): string =>
  typeof content === "string" ? content : Buffer.from(content as ArrayBuffer).toString("utf8");

const textOfHtml = (html: string) =>
  html
    .slice(0, originalLimit)
    .replaceAll(/<(?:br|\/p|\/div|\/tr)[^>]{0,200}>/gi, "\n")
    .replaceAll(/<[^>]{0,300}>/g, " ");

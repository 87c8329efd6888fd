import { readFieldAddress, readFieldGroups } from "./fields.ts";

/** What a mailbox provider reports that its user has said of a message (RFC 5965). */
export interface FeedbackReport {
  /** `complaint`: it is unwanted. `not_spam`: it was taken for unwanted by mistake. `unsubscribe`: its reader wants no more of its list. */
  kind: "complaint" | "not_spam" | "unsubscribe" | "other";
  /** The addresses that it names. Most providers leave them out. */
  addresses: readonly string[];
}

/** The types of RFC 5965 and of its registry. Reports of viruses and of authentication (RFC 6591) are about the message, and nobody complains. */
const kinds: Record<string, FeedbackReport["kind"] | undefined> = {
  abuse: "complaint",
  fraud: "complaint",
  "not-spam": "not_spam",
  "opt-out": "unsubscribe",
  "opt-out-list": "unsubscribe",
};

/** Reads the part `message/feedback-report` of a report; null if it names no type. */
export function readFeedbackReport(text: string): FeedbackReport | null {
  const [fields] = readFieldGroups(text);
  const type = fields?.get("feedback-type")?.toLowerCase();
  if (type === undefined) return null;
  const address = readFieldAddress(fields!.get("original-rcpt-to"));
  return { kind: kinds[type] ?? "other", addresses: address === null ? [] : [address] };
}

import { z } from "zod";
import type { AttemptFailure } from "../delivery/attempt.ts";
import type { InboundKind } from "../inbound-report.ts";
import { type ProviderEvent, readInstant, reportOf } from "./event.ts";

/* Postmark: https://postmarkapp.com/developer/webhooks/bounce-webhook and the pages beside it. */

/** The header by which Postmark keeps the id of our message, since it gives messages another Message-ID. */
export const postmarkHeader = "X-PM-Metadata-tidings";

const text = z.string().max(10_000);
const webhook = z.looseObject({
  RecordType: text,
  MessageID: text.optional(),
  ID: z.number().optional(),
  Type: text.optional(),
  Email: text.optional(),
  Recipient: text.optional(),
  Details: text.nullish(),
  Description: text.nullish(),
  BouncedAt: text.optional(),
  DeliveredAt: text.optional(),
  ChangedAt: text.optional(),
  SuppressSending: z.boolean().optional(),
  SuppressionReason: text.nullish(),
  Metadata: z.looseObject({ tidings: text.optional() }).nullish(),
});

/** The types of bounces that say why by themselves. */
const failures: Record<string, AttemptFailure | undefined> = {
  HardBounce: "unknown_address",
  BadEmailAddress: "unknown_address",
  ManuallyDeactivated: "sender_refused",
  Blocked: "sender_refused",
  SpamNotification: "sender_refused",
  DMARCPolicy: "sender_refused",
  VirusNotification: "smtp_5xx",
  TemplateRenderingFailed: "smtp_5xx",
};

/** The types that are no bounces. */
const others: Record<string, InboundKind | undefined> = {
  Transient: "delayed",
  DnsError: "delayed",
  AutoResponder: "automatic",
  AddressChange: "automatic",
  ChallengeVerification: "automatic",
  SpamComplaint: "complained",
  Unsubscribe: "unsubscribed",
};

/** Reads a webhook. One of another kind is skipped. */
export function readPostmarkEvents(body: unknown): ProviderEvent[] {
  const read = webhook.safeParse(body);
  if (!read.success) return [];
  const data = read.data;
  const address = data.Email ?? data.Recipient;
  const found = reportIn(data, address ?? "");
  if (address === undefined || found === null) return [];
  const at = data.BouncedAt ?? data.DeliveredAt ?? data.ChangedAt ?? "";
  return [
    {
      id: [data.RecordType, data.MessageID ?? "", data.ID ?? "", address, at].join(" "),
      texts: [data.Metadata?.tidings ?? ""],
      report: { ...found, at: readInstant(at) },
    },
  ];
}

function reportIn(data: z.output<typeof webhook>, address: string): ProviderEvent["report"] | null {
  const { RecordType: record, Type: type = "" } = data;
  if (record === "Delivery") return reportOf("delivered", address, null);
  if (record === "SpamComplaint") return reportOf("complained", address, null);
  if (record === "SubscriptionChange")
    return data.SuppressSending && data.SuppressionReason === "ManualSuppression"
      ? reportOf("unsubscribed", address, null)
      : null;
  if (record !== "Bounce") return null;
  const other = others[type];
  if (other !== undefined) return reportOf(other, address, null);
  const reply = data.Details || data.Description || type;
  return reportOf("bounced", address, null, { failure: failures[type] ?? null, reply });
}

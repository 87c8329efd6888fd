import { z } from "zod";
import type { InboundKind } from "../inbound-report.ts";
import { type ProviderEvent, readInstant, reportOf } from "./event.ts";

/* SendGrid: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event */

const text = z.string().max(10_000);
const event = z.looseObject({
  event: text,
  email: text,
  sg_event_id: text,
  timestamp: z.number().optional(),
  "smtp-id": text.optional(),
  reason: text.optional(),
  status: text.optional(),
  type: text.optional(),
});

const kinds: Record<string, InboundKind | undefined> = {
  delivered: "delivered",
  bounce: "bounced",
  dropped: "bounced",
  spamreport: "complained",
  unsubscribe: "unsubscribed",
  group_unsubscribe: "unsubscribed",
};

/** Reads the events of a webhook. Those of other kinds, and those of another form, are skipped. */
export function readSendGridEvents(body: unknown): ProviderEvent[] {
  if (!Array.isArray(body)) return [];
  return body.flatMap((item): ProviderEvent[] => {
    const read = event.safeParse(item);
    const kind = read.success ? kinds[read.data.event] : undefined;
    if (!read.success || kind === undefined) return [];
    const { email, sg_event_id: id, timestamp, status = "", reason = "" } = read.data;
    const at = readInstant(timestamp);
    const texts = [read.data["smtp-id"] ?? ""];
    if (kind !== "bounced") return [{ id, texts, report: reportOf(kind, email, at) }];
    const failure =
      read.data.event === "dropped"
        ? // SendGrid has not tried: it knows the address from an earlier message.
          /bounced address|invalid/i.test(reason)
          ? "unknown_address"
          : "smtp_5xx"
        : read.data.type === "blocked"
          ? "sender_refused"
          : null;
    const reply = /^[45]\d\d[ -]/.test(reason) ? reason : `${status} ${reason}`.trim();
    return [{ id, texts, report: reportOf("bounced", email, at, { failure, reply }) }];
  });
}

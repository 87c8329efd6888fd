import { z } from "zod";
import type { InboundKind } from "../inbound-report.ts";
import { type ProviderEvent, readInstant, reportOf } from "./event.ts";

/* Mailgun: https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks */

const text = z.string().max(10_000);
const signed = z.looseObject({ signature: z.looseObject({ token: text }) });
const webhook = signed.extend({
  "event-data": z.looseObject({
    event: text,
    recipient: text,
    timestamp: z.number().optional(),
    severity: text.optional(),
    reason: text.optional(),
    message: z
      .looseObject({ headers: z.looseObject({ "message-id": text.optional() }).optional() })
      .optional(),
    "delivery-status": z
      .looseObject({
        code: z.number().optional(),
        "enhanced-code": text.nullish(),
        message: text.nullish(),
        description: text.nullish(),
      })
      .optional(),
  }),
});

/** Reads the token that is signed, of a webhook of any kind; null if there is none. */
export function readMailgunToken(body: unknown): string | null {
  const read = signed.safeParse(body);
  return read.success ? read.data.signature.token : null;
}

const kinds: Record<string, InboundKind | undefined> = {
  delivered: "delivered",
  complained: "complained",
  unsubscribed: "unsubscribed",
};

/**
 * Reads a webhook. Its id is the token, since that is what is signed: what was captured cannot be sent again with another content.
 */
export function readMailgunEvents(body: unknown): ProviderEvent[] {
  const read = webhook.safeParse(body);
  if (!read.success) return [];
  const { signature, "event-data": data } = read.data;
  const { event, recipient, severity, reason = "", "delivery-status": status } = data;
  const at = readInstant(data.timestamp);
  const shared = { id: signature.token, texts: [data.message?.headers?.["message-id"] ?? ""] };
  const kind = kinds[event];
  if (kind !== undefined) return [{ ...shared, report: reportOf(kind, recipient, at) }];
  // A temporary failure is tried again.
  if (event !== "failed" || severity !== "permanent") return [];
  const { code = "", "enhanced-code": enhanced, message, description } = status ?? {};
  const said = message || description || reason;
  const reply = /^[45]\d\d[ -]/.test(said) ? said : `${code} ${enhanced ?? ""} ${said}`;
  const failure =
    reason === "suppress-bounce"
      ? ("unknown_address" as const)
      : reason.startsWith("suppress-") || reason === "espblock"
        ? ("sender_refused" as const)
        : null;
  const bounce = { failure, reply: reply.replaceAll(/ +/g, " ").trim() };
  return [{ ...shared, report: reportOf("bounced", recipient, at, bounce) }];
}

import { setTimeout as sleep } from "node:timers/promises";
import type { Channel } from "../../activities/channels/channel.ts";
import type { Attempt } from "../../domain/delivery/attempt.ts";
import type { Reason } from "../../domain/delivery/reasons.ts";
import {
  isRepeatable,
  settle,
  type RetryPolicy,
  type Settlement,
} from "../../domain/delivery/settle.ts";
import { request } from "./email-channel.ts";

export type Guarantee = "at_least_once" | "at_most_once";
export const guarantees: readonly Guarantee[] = ["at_least_once", "at_most_once"];

/** With a text of its own, for making one of the HTML is most of what a short conversation costs. */
const content = { email: { subject: "Hi", html: "<p>Hi</p>", text: "Hi" } };

/** A row as the ledger would have it. */
export interface DeliveredRow {
  messageId: string;
  recipient: string;
  status: Settlement["status"];
  reason: Reason | null;
  attempts: Attempt[];
}

export interface DeliverOptions {
  guarantee: Guarantee;
  policy?: RetryPolicy;
  /** How often a row is taken up again that waits because its provider is left alone, or refuses whatever is sent. */
  waits?: number;
}

/** Hands a message to each recipient over, again while its row is pending, as the ledger would have it. */
export function deliver(
  channel: Channel,
  recipients: readonly string[],
  options: DeliverOptions,
): Promise<DeliveredRow[]> {
  return Promise.all(recipients.map((recipient) => deliverRow(channel, recipient, options)));
}

async function deliverRow(
  channel: Channel,
  recipient: string,
  { guarantee, policy = { baseMs: 1, capMs: 1, attempts: 2 }, waits = 0 }: DeliverOptions,
): Promise<DeliveredRow> {
  const message = request(recipient, { content });
  const attempts: Attempt[] = [];
  let forgiven = 0;
  let waited = 0;
  for (;;) {
    const unanswered = attempts.filter(({ outcome }) => outcome === "unknown").length;
    const result = await channel.send({
      ...message,
      repeatable: isRepeatable(guarantee, unanswered),
    });
    if (result.kind === "attempted") attempts.push(...result.attempts);
    const settlement: Settlement =
      result.kind === "unsendable"
        ? { status: "failed", reason: result.reason }
        : result.kind === "held"
          ? { status: "pending", reason: result.reason, dueAt: result.until }
          : settle({
              attempts: result.attempts,
              unanswered,
              attemptCount: attempts.length - forgiven,
              handOvers: attempts.length,
              guarantee,
              policy,
              now: new Date(),
              random: 0,
            });
    // As the ledger's statement has it: what may have arrived has not failed.
    const { status, reason } =
      settlement.status === "failed" && attempts.some(({ outcome }) => outcome === "unknown")
        ? ({ status: "unknown", reason: "outcome_unknown" } as const)
        : settlement;
    if (reason === "sender_refused") forgiven = attempts.length;
    if (status === "pending" && reason !== "retry") waited += 1;
    if (settlement.status !== "pending" || waited > waits)
      return { messageId: message.messageId, recipient, status, reason, attempts };
    await sleep(settlement.dueAt.getTime() - Date.now());
  }
}

/** How each row ends. One stays pending where the provider is left alone for a while, or refuses whatever is sent. */
export async function deliverRows(
  channel: Channel,
  recipients: readonly string[],
  guarantee: Guarantee,
): Promise<Map<string, Settlement["status"]>> {
  const rows = await deliver(channel, recipients, { guarantee });
  return new Map(rows.map(({ recipient, status }) => [recipient, status]));
}

/** The recipients whose rows ended as one of `statuses`. */
export function rowsOf(
  rows: ReadonlyMap<string, Settlement["status"]>,
  ...statuses: readonly Settlement["status"][]
): string[] {
  return [...rows].filter(([, ended]) => statuses.includes(ended)).map(([recipient]) => recipient);
}

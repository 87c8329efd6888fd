import type { Channel } from "../../activities/channels/channel.ts";
import { settle, type Settlement } from "../../domain/delivery/settle.ts";
import { attemptsOf, request } from "./email-channel.ts";

export type Guarantee = "at_least_once" | "at_most_once";
export const guarantees: readonly Guarantee[] = ["at_least_once", "at_most_once"];

/** With a text of its own, for making one of the HTML is most of what a short conversation costs. */
const content = { email: { subject: "Hi", html: "<p>Hi</p>", text: "Hi" } };
const policy = { baseMs: 1, capMs: 1, attempts: 2 };

/**
 * Hands a message to each recipient over, again while its row is pending, as the ledger would have it; how each row ends. A row stays
 * pending where the provider is left alone for a while, or refuses whatever is sent.
 */
export async function deliverRows(
  channel: Channel,
  recipients: readonly string[],
  guarantee: Guarantee,
): Promise<Map<string, Settlement["status"]>> {
  const deliver = async (recipient: string): Promise<[string, Settlement["status"]]> => {
    let attemptCount = 0;
    for (;;) {
      const repeatable = guarantee === "at_least_once";
      const result = await channel.send(request(recipient, { content, repeatable }));
      if (result.kind === "held") return [recipient, "pending"];
      const attempts = attemptsOf(result);
      attemptCount += attempts.length;
      const attempt = attempts.at(-1)!;
      const now = new Date();
      const { status, reason } = settle({
        attempt,
        attemptCount,
        handOvers: attemptCount,
        guarantee,
        policy,
        now,
        random: 0,
      });
      if (status !== "pending" || reason === "sender_refused") return [recipient, status];
    }
  };
  return new Map(await Promise.all(recipients.map(deliver)));
}

/** The recipients whose rows ended as one of `statuses`. */
export function rowsOf(
  rows: ReadonlyMap<string, Settlement["status"]>,
  ...statuses: readonly Settlement["status"][]
): string[] {
  return [...rows].filter(([, ended]) => statuses.includes(ended)).map(([recipient]) => recipient);
}

import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "pg";
import type { Inbound } from "../domain/inbound-report.ts";
import type { Unsubscription } from "../domain/unsubscribing.ts";
import { changeSubscription } from "./change-subscription.ts";
import { recordInbound, type Recorded, StillSending } from "./inbound-reports.ts";
import type { ReadRulebook, Rulebook } from "./rulebook.ts";
import { type Execute, executeOn } from "./sql.ts";
import { inTransaction } from "./transaction.ts";
import { findUnsubscription } from "./unsubscribing.ts";

/** A local server may return a message before its worker has written that it was sent. */
const presetPatienceMs = 5_000;
const pauseMs = 200;

interface ReceivingDeps {
  pool: Pool;
  readRulebook: ReadRulebook;
  mailboxShards: number;
  clock: () => Date;
  /** How long a report waits for the outcome of the hand-over that it is about. */
  patienceMs?: number;
}

/**
 * Creates a function that records reports, and unsubscribes a recipient who wants no more messages, in one transaction. It rejects with a `StillSending`
 * if the hand-over takes too long. `unsubscription` says what the recipient unsubscribes from, where the report does; otherwise the message says it.
 */
export function createReportReceiver({
  pool,
  readRulebook,
  mailboxShards,
  clock,
  patienceMs = presetPatienceMs,
}: ReceivingDeps) {
  async function record(
    execute: Execute,
    inbound: Inbound,
    given: Unsubscription | null,
    types: Rulebook["types"],
  ): Promise<Recorded> {
    const recorded = await recordInbound(execute, inbound);
    const isUnsubscribing = inbound.reports.some(({ kind }) => kind === "unsubscribed");
    // Anybody who received a copy may not unsubscribe the recipient.
    if (!isUnsubscribing || ["repeated", "other"].includes(recorded.outcome)) return recorded;
    const named = given ?? (await findUnsubscription(execute, inbound.message, types));
    if (named === null) return recorded;
    const type = named.typeId === null ? null : (types.get(named.typeId) ?? null);
    const done = await changeSubscription(execute, named, type, "listed", {
      mailboxShards,
      now: clock(),
    });
    const changed = [...recorded.changed, ...(done?.released ?? [])];
    return { outcome: "unsubscribed", changed };
  }

  return async (
    inbound: Inbound,
    unsubscription: Unsubscription | null = null,
  ): Promise<Recorded> => {
    const { types } = await readRulebook();
    const deadlineMs = performance.now() + patienceMs;
    for (;;) {
      try {
        return await inTransaction(pool, (client) =>
          record(executeOn(client), inbound, unsubscription, types),
        );
      } catch (error) {
        if (!(error instanceof StillSending) || performance.now() >= deadlineMs) throw error;
        await sleep(pauseMs);
      }
    }
  };
}

import type { Channel } from "../domain/channel.ts";
import type { Reason } from "../domain/delivery/reasons.ts";
import { openGate } from "./gates.ts";
import { defineStatement, type Execute } from "./sql.ts";

/** A gate that an operator has shut, so that no message passes before `until`. */
export interface Stop {
  /** The key of the gate. */
  gate: string;
  since: Date;
  until: Date;
  reason: string;
  /** The id of the operator, or of the key that they used. */
  by: string;
}

/** A gate that a provider has shut for longer stays shut for as long, and one that was already shut has been shut since then. */
const stopStatement = defineStatement<Omit<Stop, "since">>(`
  INSERT INTO gates (key, shut_until, shut_since, shut_reason, shut_by)
  VALUES (:gate::text, :until::timestamptz, ledger_now(), :reason::text, :by::text)
  ON CONFLICT (key) DO UPDATE SET shut_reason = excluded.shut_reason, shut_by = excluded.shut_by,
    shut_until = CASE WHEN gates.shut_by IS NULL THEN greatest(gates.shut_until, excluded.shut_until) ELSE excluded.shut_until END,
    shut_since = CASE WHEN gates.shut_until > excluded.shut_since THEN gates.shut_since ELSE excluded.shut_since END`);

/** Shuts a gate until an instant, or changes the reason and the instant of its stop. Its limits stay. Workers notice within about a second. */
export async function stopGate(execute: Execute, stop: Omit<Stop, "since">): Promise<void> {
  await execute(stopStatement, stop);
}

/** Why deliveries that were in hand when the gate shut wait for it to open. */
const heldByGates = (["provider_rate", "provider_unavailable"] satisfies Reason[])
  .map((reason) => `'${reason}'`)
  .join(", ");

/** Others that were held for their channel find it as it is when they are due, and are held again if they must be. */
const releaseStatement = defineStatement<{ channel: Channel }>(`
  UPDATE open_deliveries d SET due_at = ledger_now()
  FROM (
    SELECT id FROM open_deliveries WHERE channel = :channel::channel AND reason IN (${heldByGates}) AND due_at > ledger_now() AND lease_token IS NULL
    ORDER BY id FOR UPDATE SKIP LOCKED
  ) AS held
  WHERE d.id = held.id`);

/**
 * Opens a gate. The deliveries of its channel that were put back until it would open are due at once; the relay wakes their queues, and those of
 * the deliveries that were never claimed, within seconds.
 */
export async function endStop(
  execute: Execute,
  { gate, channel }: { gate: string; channel: Channel },
): Promise<void> {
  await openGate(execute, gate);
  await execute(releaseStatement, { channel });
}

const readStatement = defineStatement<
  { channels: readonly Channel[] },
  Stop & { channel: Channel }
>(`
  SELECT c.channel, g.key AS gate, g.shut_since AS since, g.shut_until AS until, g.shut_reason AS reason, g.shut_by AS by
  FROM unnest(:channels::channel[]) AS c(channel)
  JOIN gates g ON g.key = 'channel/' || c.channel OR g.key IN (SELECT 'provider/' || b.provider FROM breakers b WHERE b.channel = c.channel)
  WHERE g.shut_by IS NOT NULL AND g.shut_until > ledger_now() ORDER BY c.channel, g.key`);

/** Reads the stops of channels and of their providers. */
export const readStops = (
  execute: Execute,
  channels: readonly Channel[],
): Promise<(Stop & { channel: Channel })[]> => execute(readStatement, { channels });

import type { Channel } from "../domain/channel.ts";
import { defineStatement, type Execute } from "./sql.ts";

export const breakerStates = ["closed", "open", "half_open"] as const;
export type BreakerState = (typeof breakerStates)[number];

/** The row of a breaker. */
export interface BreakerRow {
  provider: string;
  state: BreakerState;
  failures: number;
  reason: string | null;
  openedAt: Date | null;
  closedAt: Date | null;
  /** Milliseconds until the next trial, from the time of reading. */
  trialInMs: number | null;
  trialsTaken: number;
  trialsPassed: number;
  trialsFailed: number;
}

const rowOf = (from: string) => `
  ${from}.provider, ${from}.state, cardinality(${from}.failed_at) AS failures, ${from}.reason, ${from}.opened_at AS "openedAt", ${from}.closed_at AS "closedAt",
  (extract(epoch FROM ${from}.next_trial_at - ledger_now()) * 1000)::float8 AS "trialInMs", ${from}.trials_taken AS "trialsTaken", ${from}.trials_passed AS "trialsPassed",
  ${from}.trials_failed AS "trialsFailed"`;

/** Adds a closed breaker for each provider that has none. */
export const addBreakers = defineStatement<
  { providers: readonly string[]; channels: readonly Channel[] },
  object
>(
  `
  INSERT INTO breakers (provider, channel) SELECT * FROM unnest(:providers::text[], :channels::channel[]) ON CONFLICT DO NOTHING`,
  "add-breakers",
);

export const readBreakers = defineStatement<{ providers: readonly string[] }, BreakerRow>(
  `SELECT ${rowOf("b")} FROM breakers b WHERE provider = ANY (:providers::text[])`,
  "look-at-breakers",
);

/** The clock is read once the row is locked, so that time never goes back at a breaker. */
const heldRow = `
  held AS MATERIALIZED (SELECT * FROM breakers WHERE provider = :provider::text FOR UPDATE),
  moment AS MATERIALIZED (SELECT *, ledger_now()::timestamptz(3) AS now FROM held)`;

/**
 * Counts failures of a closed breaker, and opens it when there are enough and `mayOpen` is true. Only the latest failures within the window are
 * kept, as many as open the breaker.
 */
export const countFailures = defineStatement<
  {
    provider: string;
    count: number;
    reason: string;
    withinSeconds: number;
    failures: number;
    mayOpen: boolean;
    openSeconds: number;
  },
  BreakerRow
>(
  `
  WITH ${heldRow},
  counted AS MATERIALIZED (
    SELECT *, (
      (SELECT coalesce(array_agg(at ORDER BY at), '{}') FROM unnest(failed_at) AS at WHERE at > now - :withinSeconds::float8 * interval '1 second')
      || array_fill(now, ARRAY[:count::int])
    ) AS recent
    FROM moment
  ),
  weighed AS (
    SELECT provider, now, :mayOpen::boolean AND cardinality(recent) >= :failures::int AS opens, recent[greatest(1, cardinality(recent) - :failures::int + 1):] AS failed_at FROM counted
    WHERE state = 'closed'
  )
  UPDATE breakers b SET failed_at = w.failed_at, reason = :reason, last_failed_at = w.now, updated_at = w.now,
    state = CASE WHEN w.opens THEN 'open' ELSE 'closed' END::breaker_state,
    opened_at = CASE WHEN w.opens THEN w.now ELSE b.opened_at END,
    next_trial_at = CASE WHEN w.opens THEN w.now + :openSeconds::float8 * interval '1 second' END,
    trials_taken = 0, trials_passed = 0, trials_failed = 0
  FROM weighed w WHERE b.provider = w.provider
  RETURNING ${rowOf("b")}`,
  "count-failures",
);

export const forgetFailures = defineStatement<{ provider: string }, BreakerRow>(
  `
  UPDATE breakers b SET failed_at = '{}', updated_at = ledger_now() WHERE provider = :provider AND state = 'closed'
  RETURNING ${rowOf("b")}`,
  "forget-failures",
);

/** Takes a trial. A round of trials is identified by the instant at which it expires. */
export const takeTrial = defineStatement<
  { provider: string; trials: number; openSeconds: number },
  BreakerRow & { round: Date }
>(
  `
  WITH ${heldRow},
  weighed AS (
    SELECT provider, now, trials_taken, state = 'open' OR next_trial_at <= now AS fresh FROM moment
    WHERE (state <> 'closed' AND next_trial_at <= now) OR (state = 'half_open' AND trials_taken < :trials::int)
  )
  UPDATE breakers b SET state = 'half_open', updated_at = w.now,
    trials_taken = CASE WHEN w.fresh THEN 1 ELSE w.trials_taken + 1 END,
    trials_passed = CASE WHEN w.fresh THEN 0 ELSE b.trials_passed END,
    trials_failed = CASE WHEN w.fresh THEN 0 ELSE b.trials_failed END,
    next_trial_at = CASE WHEN w.fresh THEN w.now + :openSeconds::float8 * interval '1 second' ELSE b.next_trial_at END
  FROM weighed w WHERE b.provider = w.provider
  RETURNING ${rowOf("b")}, b.next_trial_at AS round`,
  "take-trial",
);

/** Whether all trials of a round have ended, including this one. */
const roundIsOver = "m.trials_passed + m.trials_failed + 1 >= :trials::int";

const endRound = (isOver: string) => `
    state = CASE WHEN ${isOver} THEN 'closed' ELSE 'half_open' END::breaker_state,
    closed_at = CASE WHEN ${isOver} THEN m.now ELSE b.closed_at END,
    next_trial_at = CASE WHEN NOT (${isOver}) THEN b.next_trial_at END,
    failed_at = CASE WHEN ${isOver} THEN '{}' ELSE b.failed_at END`;

export const passTrial = defineStatement<
  { provider: string; round: Date; trials: number },
  BreakerRow
>(
  `
  WITH ${heldRow}
  UPDATE breakers b SET updated_at = m.now, trials_passed = m.trials_passed + 1, ${endRound(roundIsOver)}
  FROM moment m WHERE b.provider = m.provider AND m.state = 'half_open' AND m.next_trial_at = :round
  RETURNING ${rowOf("b")}`,
  "pass-trial",
);

/** Counts a failed trial that the round tolerates. */
export const tolerateTrial = defineStatement<
  { provider: string; round: Date; trials: number; tolerated: number },
  BreakerRow
>(
  `
  WITH ${heldRow}
  UPDATE breakers b SET updated_at = m.now, trials_failed = m.trials_failed + 1, ${endRound(roundIsOver)}
  FROM moment m WHERE b.provider = m.provider AND m.state = 'half_open' AND m.next_trial_at = :round AND m.trials_failed < :tolerated::int
  RETURNING ${rowOf("b")}`,
  "tolerate-trial",
);

/** Counts a failed trial that the round does not tolerate. The trial may be of an earlier round: a late failure is still a failure. */
export const failTrial = defineStatement<
  { provider: string; reason: string; openSeconds: number },
  BreakerRow
>(
  `
  WITH ${heldRow}
  UPDATE breakers b SET state = 'open', reason = :reason, last_failed_at = m.now, updated_at = m.now, next_trial_at = m.now + :openSeconds::float8 * interval '1 second',
    trials_taken = 0, trials_passed = 0, trials_failed = 0
  FROM moment m WHERE b.provider = m.provider AND m.state = 'half_open'
  RETURNING ${rowOf("b")}`,
  "fail-trial",
);

export const giveBackTrial = defineStatement<{ provider: string; round: Date }, BreakerRow>(
  `
  UPDATE breakers b SET trials_taken = greatest(0, trials_taken - 1), updated_at = ledger_now()
  WHERE provider = :provider AND state = 'half_open' AND next_trial_at = :round
  RETURNING ${rowOf("b")}`,
  "give-back-trial",
);

const closeStatement = defineStatement<{ provider: string }>(`
  UPDATE breakers SET closed_at = CASE WHEN state = 'closed' THEN closed_at ELSE ledger_now() END, state = 'closed', failed_at = '{}',
    next_trial_at = NULL, trials_taken = 0, trials_passed = 0, trials_failed = 0, updated_at = ledger_now()
  WHERE provider = :provider::text`);

/** Closes a breaker and forgets its failures. */
export async function closeBreaker(execute: Execute, provider: string): Promise<void> {
  await execute(closeStatement, { provider });
}

import type { Pool } from "pg";
import type { Logger } from "../../config/logger.ts";
import type { Channel } from "../../domain/channel.ts";
import { type Policy, presetPolicy } from "../../domain/policy/policy.ts";
import { repeatedly } from "../../lib/polling.ts";

export const breakerStates = ["closed", "open", "half_open"] as const;
export type BreakerState = (typeof breakerStates)[number];

/** A provider that this process is configured with. */
interface ProviderIdentity {
  name: string;
  channel: Channel;
}

/** One of the calls that show whether a provider is back. One of the three is to be told, once. */
export interface Trial {
  passed(): void;
  failed(reason: string): void;
  /** Nothing was called: another call may be made in its place. */
  giveBack(): void;
}

/**
 * Whether a provider is used. What it says synchronously is what this process knows: its own reports at once, those of others within
 * a second. Thousands of messages a second pass by one that is closed, and cost nothing.
 */
export interface Breaker {
  /** Calls may be made freely. Otherwise each has to be a trial. */
  readonly closed: boolean;
  /** While it is not closed: trials that can be asked for at this moment. */
  trialsAt(nowMs: number): number;
  /** When it is worth asking; null: at this moment. Milliseconds since the epoch, as `nowMs`. */
  opensAt(nowMs: number): number | null;
  /** Takes one of the trials that all workers share; null if there is none for now, or `closed` is true meanwhile. */
  trial(): Promise<Trial | null>;
  /** The provider answered. */
  succeeded(): void;
  /** The provider failed. `reason` is for people: no credentials, no addresses. */
  failed(reason: string): void;
}

/**
 * A breaker for each provider, shared by all workers through PostgreSQL (https://martinfowler.com/bliki/CircuitBreaker.html). Closed, it
 * opens at so many failures within a time that no success comes between; open, it waits; half open, it lets exactly so many trials
 * through over all workers, and closes when they have all passed. A trial that fails opens it again. Trials that nobody has answered
 * for as long as it stays open are given out again: their worker may have died.
 */
export interface Breakers {
  of(provider: string): Breaker;
  /** What is known of each. */
  states(): ReadonlyMap<string, BreakerState>;
  /** When one of these was closed again after all of them had been open at once; null if that has not been since they last opened. */
  recoveredAt(providers: readonly string[]): Date | null;
  /** Adds providers that have no row yet, and learns what the others say. Rejects where the database cannot be reached. */
  refresh(): Promise<void>;
  /** Writes what was reported, and stops looking. */
  close(): Promise<void>;
}

interface BreakersOptions {
  pool: Pick<Pool, "query">;
  providers: readonly ProviderIdentity[];
  /** What is in force: read with each look. */
  settings: () => Promise<Policy["breaker"]>;
  logger?: Pick<Logger, "info" | "warn">;
  /** How often it looks for what others reported. */
  refreshMs?: number;
}

/** A breaker as its row says. */
interface Row {
  provider: string;
  state: BreakerState;
  failures: number;
  reason: string | null;
  openedAt: Date | null;
  closedAt: Date | null;
  /** From when it was read. */
  trialInMs: number | null;
  trialsTaken: number;
  trialsPassed: number;
}

const rowOf = (from: string) => `
  ${from}.provider, ${from}.state, cardinality(${from}.failed_at) AS failures, ${from}.reason, ${from}.opened_at AS "openedAt", ${from}.closed_at AS "closedAt",
  (extract(epoch FROM ${from}.next_trial_at - clock_timestamp()) * 1000)::float8 AS "trialInMs", ${from}.trials_taken AS "trialsTaken", ${from}.trials_passed AS "trialsPassed"`;

const addSql = `
  INSERT INTO breakers (provider, channel) SELECT * FROM unnest($1::text[], $2::channel[]) ON CONFLICT DO NOTHING`;

const lookSql = `SELECT ${rowOf("b")} FROM breakers b WHERE provider = ANY ($1::text[])`;

/** What the clock says is asked once the row is ours: time never goes back at a breaker. */
const heldRow = `
  held AS MATERIALIZED (SELECT * FROM breakers WHERE provider = $1 FOR UPDATE),
  moment AS MATERIALIZED (SELECT *, clock_timestamp()::timestamptz(3) AS now FROM held)`;

/** Failures are counted while it is closed. What is older than the window counts no more, nor what there are enough of without. */
const failSql = `
  WITH ${heldRow},
  counted AS MATERIALIZED (
    SELECT *, (
      (SELECT coalesce(array_agg(at ORDER BY at), '{}') FROM unnest(failed_at) AS at WHERE at > now - $4::float8 * interval '1 second')
      || array_fill(now, ARRAY[$2::int])
    ) AS recent
    FROM moment
  ),
  weighed AS (
    SELECT provider, now, cardinality(recent) >= $5::int AS opens, recent[greatest(1, cardinality(recent) - $5::int + 1):] AS failed_at FROM counted
    WHERE state = 'closed'
  )
  UPDATE breakers b SET failed_at = w.failed_at, reason = $3, updated_at = w.now,
    state = CASE WHEN w.opens THEN 'open' ELSE 'closed' END::breaker_state,
    opened_at = CASE WHEN w.opens THEN w.now ELSE b.opened_at END,
    next_trial_at = CASE WHEN w.opens THEN w.now + $6::float8 * interval '1 second' END,
    trials_taken = 0, trials_passed = 0
  FROM weighed w WHERE b.provider = w.provider
  RETURNING ${rowOf("b")}`;

const succeedSql = `
  UPDATE breakers b SET failed_at = '{}', updated_at = clock_timestamp() WHERE provider = $1 AND state = 'closed'
  RETURNING ${rowOf("b")}`;

/** The round of a trial is known by when it is given up. */
const trialSql = `
  WITH ${heldRow},
  weighed AS (
    SELECT provider, now, trials_taken, state = 'open' OR next_trial_at <= now AS fresh FROM moment
    WHERE (state <> 'closed' AND next_trial_at <= now) OR (state = 'half_open' AND trials_taken < $2::int)
  )
  UPDATE breakers b SET state = 'half_open', updated_at = w.now,
    trials_taken = CASE WHEN w.fresh THEN 1 ELSE w.trials_taken + 1 END,
    trials_passed = CASE WHEN w.fresh THEN 0 ELSE b.trials_passed END,
    next_trial_at = CASE WHEN w.fresh THEN w.now + $3::float8 * interval '1 second' ELSE b.next_trial_at END
  FROM weighed w WHERE b.provider = w.provider
  RETURNING ${rowOf("b")}, b.next_trial_at AS round`;

const passSql = `
  WITH ${heldRow}
  UPDATE breakers b SET updated_at = m.now, trials_passed = m.trials_passed + 1,
    state = CASE WHEN m.trials_passed + 1 >= $3::int THEN 'closed' ELSE 'half_open' END::breaker_state,
    closed_at = CASE WHEN m.trials_passed + 1 >= $3::int THEN m.now ELSE b.closed_at END,
    next_trial_at = CASE WHEN m.trials_passed + 1 < $3::int THEN b.next_trial_at END,
    failed_at = CASE WHEN m.trials_passed + 1 >= $3::int THEN '{}' ELSE b.failed_at END
  FROM moment m WHERE b.provider = m.provider AND m.state = 'half_open' AND m.next_trial_at = $2
  RETURNING ${rowOf("b")}`;

/** Of whatever round: a failure says as much when it comes late. */
const failTrialSql = `
  WITH ${heldRow}
  UPDATE breakers b SET state = 'open', reason = $2, updated_at = m.now, next_trial_at = m.now + $3::float8 * interval '1 second',
    trials_taken = 0, trials_passed = 0
  FROM moment m WHERE b.provider = m.provider AND m.state = 'half_open'
  RETURNING ${rowOf("b")}`;

const giveBackTrialSql = `
  UPDATE breakers b SET trials_taken = greatest(0, trials_taken - 1), updated_at = clock_timestamp()
  WHERE provider = $1 AND state = 'half_open' AND next_trial_at = $2
  RETURNING ${rowOf("b")}`;

/** What happened, until it is written. Failures in a row are one entry. */
type Report =
  | { kind: "failed"; count: number; reason: string }
  | { kind: "succeeded" }
  | { kind: "trial passed"; round: Date }
  | { kind: "trial failed"; reason: string }
  | { kind: "trial given back"; round: Date };

interface Shared {
  pool: Pick<Pool, "query">;
  settings: Policy["breaker"];
  logger: Pick<Logger, "info" | "warn"> | undefined;
  refreshMs: number;
}

const untouched: Omit<Row, "provider"> = {
  state: "closed",
  failures: 0,
  reason: null,
  openedAt: null,
  closedAt: null,
  trialInMs: null,
  trialsTaken: 0,
  trialsPassed: 0,
};

/** One provider's breaker, as a process sees it. Its statements follow each other, so that what is known never goes back. */
class CachedBreaker implements Breaker {
  row: Row;
  #shared: Shared;
  #trialAtMs = 0;
  #reports: Report[] = [];
  /** A success has to be told: failures are counted, or are about to be. */
  #counting = false;
  #last: Promise<unknown> = Promise.resolve();
  #writing = false;
  /** Counts what was learnt here, so that an older look at all of them does not undo it. */
  learnt = 0;

  constructor(provider: string, shared: Shared) {
    this.row = { provider, ...untouched };
    this.#shared = shared;
  }

  get closed(): boolean {
    return this.row.state === "closed";
  }

  trialsAt(nowMs: number): number {
    const { state, trialsTaken } = this.row;
    if (state === "closed") return 0;
    const { trials } = this.#shared.settings;
    if (nowMs >= this.#trialAtMs) return trials;
    return state === "open" ? 0 : Math.max(0, trials - trialsTaken);
  }

  opensAt(nowMs: number): number | null {
    const { state } = this.row;
    if (state === "closed" || this.trialsAt(nowMs) > 0) return null;
    // Others may have their answers any moment.
    return state === "open"
      ? this.#trialAtMs
      : Math.min(this.#trialAtMs, nowMs + this.#shared.refreshMs);
  }

  trial(): Promise<Trial | null> {
    return this.#inTurn(async () => {
      if (this.trialsAt(Date.now()) === 0) return null;
      const { trials, openSeconds } = this.#shared.settings;
      const [taken] = await this.#run<Row & { round: Date }>("take-trial", trialSql, [
        trials,
        openSeconds,
      ]);
      if (!taken) {
        await this.#run("look-at-breaker", lookSql, [], [this.row.provider]);
        return null;
      }
      const { round } = taken;
      return {
        passed: () => this.#report({ kind: "trial passed", round }),
        failed: (reason) => this.#report({ kind: "trial failed", reason }),
        giveBack: () => this.#report({ kind: "trial given back", round }),
      };
    });
  }

  succeeded(): void {
    if (this.#counting) this.#report({ kind: "succeeded" });
  }

  failed(reason: string): void {
    // Calls that were under way when it opened.
    if (!this.closed) return;
    const last = this.#reports.at(-1);
    if (last?.kind === "failed") {
      last.count += 1;
      last.reason = reason;
    } else this.#report({ kind: "failed", count: 1, reason });
  }

  /** Writes what was reported, in its order. What cannot be written now is kept until it is asked for again. */
  write(): void {
    if (this.#writing || this.#reports.length === 0) return;
    this.#writing = true;
    void this.#inTurn(async () => {
      for (let report = this.#reports.shift(); report; report = this.#reports.shift()) {
        try {
          await this.#tell(report);
        } catch {
          this.#reports.unshift(report);
          break;
        }
      }
      this.#writing = false;
      this.#counting = this.closed && (this.row.failures > 0 || this.#reports.length > 0);
    });
  }

  /** Resolves when nothing of it is under way. */
  async idle(): Promise<void> {
    await this.#last;
  }

  learn(row: Row): void {
    const before = this.row;
    this.row = row;
    this.#trialAtMs = Date.now() + (row.trialInMs ?? 0);
    this.#counting = row.state === "closed" && (row.failures > 0 || this.#reports.length > 0);
    if (before.state === row.state) return;
    const { logger } = this.#shared;
    const told = { provider: row.provider, from: before.state, to: row.state };
    if (row.state === "closed") logger?.info(told, "the provider is in use again");
    else
      logger?.warn(
        { ...told, reason: row.reason, nextTrialAt: new Date(this.#trialAtMs).toISOString() },
        row.state === "open"
          ? "the provider is not used for a while: it failed too often"
          : "the provider is tried",
      );
  }

  #report(report: Report): void {
    this.#counting = true;
    this.#reports.push(report);
    this.write();
  }

  async #tell(report: Report): Promise<void> {
    const { settings } = this.#shared;
    switch (report.kind) {
      case "failed":
        await this.#run("count-failures", failSql, [
          Math.min(report.count, settings.failures),
          report.reason,
          settings.withinSeconds,
          settings.failures,
          settings.openSeconds,
        ]);
        break;
      case "succeeded":
        await this.#run("forget-failures", succeedSql, []);
        break;
      case "trial passed":
        await this.#run("pass-trial", passSql, [report.round, settings.trials]);
        break;
      case "trial failed":
        await this.#run("fail-trial", failTrialSql, [report.reason, settings.openSeconds]);
        break;
      case "trial given back":
        await this.#run("give-back-trial", giveBackTrialSql, [report.round]);
        break;
    }
  }

  async #run<Found extends Row>(
    name: string,
    text: string,
    values: unknown[],
    first: unknown = this.row.provider,
  ): Promise<Found[]> {
    const { rows } = await this.#shared.pool.query<Found>({
      name,
      text,
      values: [first, ...values],
    });
    this.learnt += 1;
    for (const row of rows) this.learn(row);
    return rows;
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const next = this.#last.then(work);
    this.#last = next.catch(() => {});
    return next;
  }
}

/** Resolves at once, knowing nothing: `refresh` is to be awaited before anything is asked. */
export function createBreakers({
  pool,
  providers,
  settings,
  logger,
  refreshMs = 1_000,
}: BreakersOptions): Breakers {
  const shared: Shared = { pool, settings: presetPolicy.breaker, logger, refreshMs };
  const breakers = new Map(providers.map(({ name }) => [name, new CachedBreaker(name, shared)]));
  const names = [...breakers.keys()];

  const of = (provider: string): CachedBreaker => {
    const breaker = breakers.get(provider);
    if (!breaker) throw new Error(`not a provider of this process: ${provider}`);
    return breaker;
  };

  const refresh = async (): Promise<void> => {
    shared.settings = await settings();
    const learnt = new Map([...breakers.values()].map((breaker) => [breaker, breaker.learnt]));
    const look = () =>
      pool.query<Row>({ name: "look-at-breakers", text: lookSql, values: [names] });
    let { rows } = await look();
    if (rows.length < names.length) {
      await pool.query(addSql, [names, providers.map(({ channel }) => channel)]);
      ({ rows } = await look());
    }
    for (const row of rows) {
      const breaker = of(row.provider);
      if (breaker.learnt === learnt.get(breaker)) breaker.learn(row);
      breaker.write();
    }
  };

  // While the database is away nothing is claimed, and what is known holds.
  const repeated = repeatedly(refresh, refreshMs);

  return {
    of,
    states: () => new Map([...breakers].map(([name, { row }]) => [name, row.state])),
    recoveredAt(among) {
      const rows = among.map((name) => of(name).row);
      const outSince = Math.max(...rows.map(({ openedAt }) => openedAt?.getTime() ?? Infinity));
      const outUntil = Math.min(
        ...rows.map(({ state, closedAt }) =>
          state === "closed" ? (closedAt?.getTime() ?? Infinity) : Infinity,
        ),
      );
      return outSince < outUntil && outUntil < Infinity ? new Date(outUntil) : null;
    },
    refresh,
    async close() {
      repeated.stop();
      await Promise.all([...breakers.values()].map((breaker) => breaker.idle()));
    },
  };
}

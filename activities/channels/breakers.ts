import type { Pool } from "pg";
import type { Logger } from "../../config/logger.ts";
import type { Channel } from "../../domain/channel.ts";
import { type Policy, defaultPolicy } from "../../domain/policy/policy.ts";
import { CallWindow } from "./call-window.ts";
import {
  addBreakers,
  tolerateTrial,
  type BreakerRow,
  type BreakerState,
  countFailures,
  failTrial,
  forgetFailures,
  giveBackTrial,
  passTrial,
  readBreakers,
  takeTrial,
} from "../../ledger/breakers.ts";
import { executeOn, type Statement } from "../../ledger/sql.ts";
import { poll } from "../../lib/polling.ts";

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
  /** It is closed, and as many failures as open it have been reported and are being written: a trial says what has come of them. */
  readonly isOpening: boolean;
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
 * opens at so many failures within a time that no success comes between, if at least a certain share of the reporting worker's latest
 * calls failed too: otherwise failures that come by chance, some out of many, would soon come in a row. Open, it waits. Half open, it lets exactly so
 * many trials through over all workers, and closes when they have been answered and less than that share of them failed; otherwise it
 * opens again. Trials that nobody has answered for as long as it stays open are given out again: their worker may have died.
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
  /** Does this process send nothing? Then it need not look, but for `refresh` before it sends again. */
  rests?: () => boolean;
}

/** So many times as many failures in a row as open it come by no chance, whatever went well before them. */
const improbableRun = 4;

/** What happened, until it is written. Failures in a row are one entry. */
type Report =
  | { kind: "failed"; count: number; reason: string }
  | { kind: "succeeded" }
  | { kind: "trial passed"; round: Date }
  | { kind: "trial failed"; round: Date; reason: string }
  | { kind: "trial given back"; round: Date };

interface Shared {
  pool: Pick<Pool, "query">;
  settings: Policy["breaker"];
  logger: Pick<Logger, "info" | "warn"> | undefined;
  refreshMs: number;
}

const untouched: Omit<BreakerRow, "provider"> = {
  state: "closed",
  failures: 0,
  reason: null,
  openedAt: null,
  closedAt: null,
  trialInMs: null,
  trialsTaken: 0,
  trialsPassed: 0,
  trialsFailed: 0,
};

/** One provider's breaker, as a process sees it. Its statements follow each other, so that what is known never goes back. */
class CachedBreaker implements Breaker {
  row: BreakerRow;
  #shared: Shared;
  #trialAtMs = 0;
  #reports: Report[] = [];
  readonly #window = new CallWindow();
  #unwrittenFailures = 0;
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

  get isOpening(): boolean {
    if (this.#unwrittenFailures === 0 || !this.closed) return false;
    const { failures } = this.#shared.settings;
    return this.#mayOpen && this.row.failures + this.#unwrittenFailures >= failures;
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
      const { provider } = this.row;
      const [taken] = await this.#run(takeTrial, { provider, trials, openSeconds });
      if (!taken) {
        await this.#run(readBreakers, { providers: [provider] });
        return null;
      }
      const { round } = taken;
      return {
        passed: () => this.#report({ kind: "trial passed", round }),
        failed: (reason) => this.#report({ kind: "trial failed", round, reason }),
        giveBack: () => this.#report({ kind: "trial given back", round }),
      };
    });
  }

  succeeded(): void {
    this.#window.note(false, this.#shared.settings.windowCalls);
    if (!this.#counting || this.#reports.at(-1)?.kind === "succeeded") return;
    // What it ends need not be written.
    const ended = this.#reports.at(-1);
    if (ended?.kind === "failed") {
      this.#reports.pop();
      this.#unwrittenFailures -= ended.count;
    }
    if (this.#reports.at(-1)?.kind !== "succeeded") this.#report({ kind: "succeeded" });
  }

  failed(reason: string): void {
    // Calls that were under way when it opened.
    if (!this.closed) return;
    this.#window.note(true, this.#shared.settings.windowCalls);
    this.#unwrittenFailures += 1;
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
          if (report.kind === "failed") this.#unwrittenFailures -= report.count;
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

  learn(row: BreakerRow): void {
    const before = this.row;
    this.row = row;
    this.#trialAtMs = Date.now() + (row.trialInMs ?? 0);
    this.#counting = row.state === "closed" && (row.failures > 0 || this.#reports.length > 0);
    if (before.state === row.state) return;
    this.#window.clear();
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

  /** So many calls fail that failures in a row are no chance. */
  get #mayOpen(): boolean {
    const { failures, failureShare, withinSeconds } = this.#shared.settings;
    const { share, run } = this.#window.read(withinSeconds * 1_000);
    return share >= failureShare || run >= failures * improbableRun;
  }

  #report(report: Report): void {
    this.#counting = true;
    this.#reports.push(report);
    this.write();
  }

  async #tell(report: Report): Promise<void> {
    const { settings } = this.#shared;
    const { provider } = this.row;
    switch (report.kind) {
      case "failed":
        await this.#run(countFailures, {
          provider,
          count: Math.min(report.count, settings.failures),
          reason: report.reason,
          withinSeconds: settings.withinSeconds,
          failures: settings.failures,
          mayOpen: this.#mayOpen,
          openSeconds: settings.openSeconds,
        });
        break;
      case "succeeded":
        await this.#run(forgetFailures, { provider });
        break;
      case "trial passed":
        await this.#run(passTrial, { provider, round: report.round, trials: settings.trials });
        break;
      case "trial failed": {
        const { reason, round } = report;
        const { trials, failureShare, openSeconds } = settings;
        const tolerated = Math.ceil(trials * failureShare) - 1;
        const counted =
          tolerated > 0
            ? await this.#run(tolerateTrial, { provider, round, trials, tolerated })
            : [];
        if (counted.length === 0) await this.#run(failTrial, { provider, reason, openSeconds });
        break;
      }
      case "trial given back":
        await this.#run(giveBackTrial, { provider, round: report.round });
        break;
    }
  }

  async #run<Parameters extends object, Found extends BreakerRow>(
    statement: Statement<Parameters, Found>,
    values: Parameters,
  ): Promise<Found[]> {
    const rows = await executeOn(this.#shared.pool)(statement, values);
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
  rests,
}: BreakersOptions): Breakers {
  const shared: Shared = { pool, settings: defaultPolicy.breaker, logger, refreshMs };
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
    const execute = executeOn(pool);
    let rows = await execute(readBreakers, { providers: names });
    if (rows.length < names.length) {
      await execute(addBreakers, {
        providers: names,
        channels: providers.map(({ channel }) => channel),
      });
      rows = await execute(readBreakers, { providers: names });
    }
    for (const row of rows) {
      const breaker = of(row.provider);
      if (breaker.learnt === learnt.get(breaker)) breaker.learn(row);
      breaker.write();
    }
  };

  // While the database is away nothing is claimed, and what is known holds.
  const repeated = poll(refresh, refreshMs, rests);

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

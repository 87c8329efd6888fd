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

/** A provider of this process. */
interface ProviderIdentity {
  name: string;
  channel: Channel;
}

/** One of the calls that show whether a provider works again. Exactly one of the three functions must be called, once. */
export interface Trial {
  passed(): void;
  failed(reason: string): void;
  /** Nothing was called: another call may take its place. */
  giveBack(): void;
}

/**
 * Decides whether a provider is used. Synchronous answers are what this process knows: its own reports at once, those of other
 * workers within a second. A closed breaker costs nothing, since thousands of messages pass it each second.
 */
export interface Breaker {
  /** True if calls need no permission. Otherwise each call has to be a trial. */
  readonly closed: boolean;
  /**
   * True if the breaker is still closed, but enough failures to open it have been reported and are being written. Taking a trial
   * then waits for the result.
   */
  readonly isOpening: boolean;
  /** Since when the provider is not used, by the ledger's clock: failed trials do not change it. Null while the breaker is closed. */
  readonly openedAt: Date | null;
  /** The number of trials that can be taken at this moment; 0 while the breaker is closed. */
  trialsAt(nowMs: number): number;
  /** When it is worth asking for a trial; null: at this moment. In milliseconds since the epoch, like `nowMs`. */
  opensAt(nowMs: number): number | null;
  /** Takes one of the trials that all workers share; null if there is none at the moment, or if `closed` has become true. */
  trial(): Promise<Trial | null>;
  /** Reports that the provider answered. */
  succeeded(): void;
  /** Reports that the provider failed. Operators read `reason`: it must contain no credentials and no addresses. */
  failed(reason: string): void;
}

/**
 * A breaker for each provider, shared by all workers through PostgreSQL (https://martinfowler.com/bliki/CircuitBreaker.html). A
 * closed breaker opens at a number of failures within a time that no success interrupts, if at least a certain share of the
 * reporting worker's latest calls failed too. Without that share, occasional failures among many calls would soon come in a row
 * by chance. An open breaker waits. A half-open breaker lets an exact number of trials through over all workers. It closes when
 * all of them have been answered and less than that share of them failed; otherwise it opens again. Trials that remain
 * unanswered for as long as the breaker stays open are given out again, since their worker may have died.
 */
export interface Breakers {
  of(provider: string): Breaker;
  /** The state of each breaker, as this process knows it. */
  states(): ReadonlyMap<string, BreakerState>;
  /**
   * When one of these providers' breakers was closed again after all of them had been open at once; null if none has been since
   * they last opened.
   */
  recoveredAt(providers: readonly string[]): Date | null;
  /** Adds providers that have no row yet, and reads the state of all of them. Rejects if the database cannot be reached. */
  refresh(): Promise<void>;
  /** Writes what was reported, and stops refreshing. */
  close(): Promise<void>;
}

interface BreakersOptions {
  pool: Pick<Pool, "query">;
  providers: readonly ProviderIdentity[];
  /** Reads the policy in force. Called at each refresh. */
  settings: () => Promise<Policy["breaker"]>;
  logger?: Pick<Logger, "info" | "warn">;
  /** How often the state that other workers wrote is read. */
  refreshMs?: number;
  /** True while this process sends nothing. It then skips refreshes, except for `refresh` before it sends again. */
  rests?: () => boolean;
}

/** A run of failures this many times as long as one that opens a breaker is no chance, even after many successes. */
const improbableRun = 4;

/** A report that is not written yet. Failures in a row are one report. */
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

/**
 * One provider's breaker, as a process sees it. Its statements run one after the other, so that an older state never replaces a
 * newer one.
 */
class CachedBreaker implements Breaker {
  row: BreakerRow;
  #shared: Shared;
  #trialAtMs = 0;
  #reports: Report[] = [];
  readonly #window = new CallWindow();
  #unwrittenFailures = 0;
  /** True if a success has to be written, because failures are counted or are about to be. */
  #counting = false;
  #last: Promise<unknown> = Promise.resolve();
  #writing = false;
  /** Counts the updates by statements of this breaker, so that an older read of all breakers does not undo them. */
  updates = 0;

  constructor(provider: string, shared: Shared) {
    this.row = { provider, ...untouched };
    this.#shared = shared;
  }

  get closed(): boolean {
    return this.row.state === "closed";
  }

  get openedAt(): Date | null {
    return this.closed ? null : this.row.openedAt;
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
    // Trials of other workers may be answered at any moment.
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
    // The failures that a success ends need not be written.
    const ended = this.#reports.at(-1);
    if (ended?.kind === "failed") {
      this.#reports.pop();
      this.#unwrittenFailures -= ended.count;
    }
    if (this.#reports.at(-1)?.kind !== "succeeded") this.#report({ kind: "succeeded" });
  }

  failed(reason: string): void {
    // These calls were under way when the breaker opened.
    if (!this.closed) return;
    this.#window.note(true, this.#shared.settings.windowCalls);
    this.#unwrittenFailures += 1;
    const last = this.#reports.at(-1);
    if (last?.kind === "failed") {
      last.count += 1;
      last.reason = reason;
    } else this.#report({ kind: "failed", count: 1, reason });
  }

  /** Writes the reports in their order. Reports that cannot be written now are kept until the next call. */
  write(): void {
    if (this.#writing || this.#reports.length === 0) return;
    this.#writing = true;
    void this.#inTurn(async () => {
      for (let report = this.#reports.shift(); report; report = this.#reports.shift()) {
        try {
          await this.#writeReport(report);
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

  /** Resolves when no statement is running. */
  async idle(): Promise<void> {
    await this.#last;
  }

  update(row: BreakerRow): void {
    const before = this.row;
    this.row = row;
    this.#trialAtMs = Date.now() + (row.trialInMs ?? 0);
    this.#counting = row.state === "closed" && (row.failures > 0 || this.#reports.length > 0);
    if (before.state === row.state) return;
    this.#window.clear();
    const { logger } = this.#shared;
    const fields = { provider: row.provider, from: before.state, to: row.state };
    if (row.state === "closed") logger?.info(fields, "the provider is in use again");
    else
      logger?.warn(
        { ...fields, reason: row.reason, nextTrialAt: new Date(this.#trialAtMs).toISOString() },
        row.state === "open"
          ? "the provider is not used for a while, because it failed too often"
          : "the provider is tested with trial calls",
      );
  }

  /** True if the share of failed calls, or the run of them, is too large to be chance. */
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

  async #writeReport(report: Report): Promise<void> {
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
    this.updates += 1;
    for (const row of rows) this.update(row);
    return rows;
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const next = this.#last.then(work);
    this.#last = next.catch(() => {});
    return next;
  }
}

/** Returns at once, with every breaker closed. Await `refresh` before anything else. */
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
    const updates = new Map([...breakers.values()].map((breaker) => [breaker, breaker.updates]));
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
      if (breaker.updates === updates.get(breaker)) breaker.update(row);
      breaker.write();
    }
  };

  // While the database cannot be reached, nothing is claimed and the last known state holds.
  const refreshing = poll(refresh, refreshMs, rests);

  return {
    of,
    states: () => new Map([...breakers].map(([name, { row }]) => [name, row.state])),
    recoveredAt(providerNames) {
      const rows = providerNames.map((name) => of(name).row);
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
      refreshing.stop();
      await Promise.all([...breakers.values()].map((breaker) => breaker.idle()));
    },
  };
}

import type { Breaker, Trial } from "./breakers.ts";
import type { WatchedGate } from "./cached-gate.ts";
import type { SendResult } from "./channel.ts";

/** What an outcome shows about a provider: that it works (`answered`), that it failed, that it asks for a rest, or nothing. */
export type ProviderSignal = "answered" | "failed" | "rest" | "nothing";

/** A provider with its breaker and its gate. */
export interface ProviderEndpoint {
  breaker: Breaker;
  gate: WatchedGate;
  provider: {
    /** The milliseconds for which it would turn messages away; 0 if it takes them. */
    readonly restMs: number;
    /** Ends its rest, so that a trial is handed to it. */
    wake(): void;
  };
}

/** Permission to hand one message to a provider. Exactly one of the two functions must be called, once. */
export interface Admission {
  /** Gives the permission back: nothing was handed over. */
  release(): void;
  /** Reports the outcome. `reason` describes a failure. */
  complete(signal: ProviderSignal, reason: () => string): void;
}

/** Most messages need no permission, and nothing has to be reported about them. */
const free: Admission = { release() {}, complete() {} };

const timesOf = (instants: readonly (Date | null)[]): number[] =>
  instants.flatMap((instant) => instant?.getTime() ?? []);
const earliest = (instants: readonly (Date | null)[]): Date | null =>
  dateOf(Math.min(...timesOf(instants)));
const latest = (instants: readonly (Date | null)[]): Date | null =>
  dateOf(Math.max(...timesOf(instants)));
const dateOf = (ms: number): Date | null => (Number.isFinite(ms) ? new Date(ms) : null);

/** How long to wait if the obstacle has gone before the wait is computed. */
const soonMs = 1_000;

/**
 * Decides whether a channel takes messages. It depends on the channel's own gate, and on the breakers, gates and rests of its
 * providers.
 */
export function createAdmissions<Line extends ProviderEndpoint>({
  gate,
  lines,
  clock,
}: {
  gate: WatchedGate;
  lines: readonly Line[];
  clock: () => number;
}) {
  /** When it is worth handing a message to a provider; null: now. */
  const lineOpensAt = ({ breaker, gate: own, provider }: Line, nowMs: number): number | null => {
    const { restMs } = provider;
    if (breaker.closed && restMs === 0 && own.isOpen(nowMs)) return null;
    const breakerAt = breaker.opensAt(nowMs);
    const gateAt = own.opensAt(nowMs);
    // A trial ends the rest of a provider.
    const restsUntil = breaker.closed && restMs > 0 ? nowMs + restMs : null;
    return breakerAt === null && gateAt === null && restsUntil === null
      ? null
      : Math.max(breakerAt ?? 0, gateAt ?? 0, restsUntil ?? 0);
  };

  /** @param turns the lines that take a message only at a later time, and when */
  const opensAt = (nowMs: number, turns?: ReadonlyMap<Line, number>): number | null => {
    let first = Number.POSITIVE_INFINITY;
    for (const line of lines) {
      const turnAt = turns?.get(line);
      const readyAt = lineOpensAt(line, nowMs);
      const at = turnAt === undefined ? readyAt : Math.max(readyAt ?? 0, turnAt);
      if (at === null) {
        first = 0;
        break;
      }
      if (at < first) first = at;
    }
    const gateAt = gate.opensAt(nowMs);
    return first === 0 ? gateAt : Math.max(first, gateAt ?? 0);
  };

  /** Since when a provider takes nothing because it failed or asked for it; null if it does not. */
  const lineOutSince = ({ breaker, gate: own }: Line, nowMs: number): Date | null =>
    earliest([breaker.openedAt, own.shutSince(nowMs)]);

  return {
    opensAt: (nowMs: number) => opensAt(nowMs),

    /** As `Channel.outSince`. */
    outSince(nowMs: number): Date | null {
      const shutSince = gate.shutSince(nowMs);
      const since = lines.map((line) => lineOutSince(line, nowMs));
      // The channel works until the last of its providers fails.
      const allOutSince = since.includes(null) ? null : latest(since);
      return earliest([shutSince, allOutSince]);
    },

    /**
     * Asks for permission to hand a message to this provider; null if it takes none. The answer is synchronous where no trial is
     * needed.
     */
    admit(line: Line): Admission | null | Promise<Admission | null> {
      const nowMs = clock();
      if (lineOpensAt(line, nowMs) !== null) return null;
      return line.breaker.closed && !line.breaker.isOpening ? free : admitToTrial(line);
    },

    /**
     * The result of a message that was handed to no provider. `slotless`: it found no slot in a gate. `turns`: when it may try the lines that
     * have limits for its receiving domain.
     */
    holdMessage(slotless = false, turns?: ReadonlyMap<Line, number>): SendResult {
      const nowMs = clock();
      const until = new Date(opensAt(nowMs, turns) ?? nowMs + soonMs);
      const limited =
        slotless ||
        (turns !== undefined && turns.size > 0) ||
        gate.opensAt(nowMs) !== null ||
        lines.some(({ breaker, gate: own }) => breaker.closed && !own.isOpen(nowMs));
      return { kind: "held", reason: limited ? "provider_rate" : "provider_unavailable", until };
    },

    /** As `Channel.readyFor`. */
    readyFor(nowMs: number): number {
      let ready = 0;
      for (const line of lines) {
        if (lineOpensAt(line, nowMs) !== null) continue;
        const room = line.gate.room();
        ready += line.breaker.closed ? room : Math.min(room, line.breaker.trialsAt(nowMs));
      }
      return Math.min(ready, gate.room());
    },
  };

  async function admitToTrial({ breaker, provider }: Line): Promise<Admission | null> {
    const trial: Trial | null = await breaker.trial();
    if (!trial) return breaker.closed ? free : null;
    provider.wake();
    return {
      release: () => trial.giveBack(),
      complete(signal, reason) {
        if (signal === "answered") trial.passed();
        else if (signal === "failed") trial.failed(reason());
        else trial.giveBack();
      },
    };
  }
}

import type { Breaker, Trial } from "./breakers.ts";
import type { WatchedGate } from "./cached-gate.ts";
import type { SendResult } from "./channel.ts";

/** What an outcome says of a provider: that it is there, that it failed, that it asks to be left alone for a while, or nothing. */
export type ProviderSignal = "answered" | "failed" | "rest" | "nothing";

/** A provider, and what decides whether it is handed anything. */
export interface ProviderEndpoint {
  breaker: Breaker;
  gate: WatchedGate;
  provider: {
    /** For how long it would turn a message away; 0 if it would not. */
    readonly restMs: number;
    /** It is to be tried, whatever it rests for. */
    wake(): void;
  };
}

/** Leave to hand one message to a provider. One of the two is to be called, once. */
export interface Admission {
  /** Nothing was handed over. */
  unused(): void;
  /** What came of it; `reason` says why it failed. */
  used(signal: ProviderSignal, reason: () => string): void;
}

/** For most messages there is nothing to ask, and nobody to tell. */
const free: Admission = { unused() {}, used() {} };

/** How long to wait where what stood in the way is gone by the time it is asked for. */
const soonMs = 1_000;

/** Whether a channel takes messages: its own gate, and over all its providers their breakers, their gates and their rests. */
export function createAdmissions<One extends ProviderEndpoint>({
  gate,
  lines,
  clock,
}: {
  gate: WatchedGate;
  lines: readonly One[];
  clock: () => number;
}) {
  /** When it is worth handing something to a provider; null: now. */
  const lineOpensAt = ({ breaker, gate: own, provider }: One, nowMs: number): number | null => {
    const { restMs } = provider;
    if (breaker.closed && restMs === 0 && own.isOpen(nowMs)) return null;
    const breakerAt = breaker.opensAt(nowMs);
    const gateAt = own.opensAt(nowMs);
    // A trial wakes it.
    const restsUntil = breaker.closed && restMs > 0 ? nowMs + restMs : null;
    return breakerAt === null && gateAt === null && restsUntil === null
      ? null
      : Math.max(breakerAt ?? 0, gateAt ?? 0, restsUntil ?? 0);
  };

  const opensAt = (nowMs: number): number | null => {
    let first = Number.POSITIVE_INFINITY;
    for (const line of lines) {
      const at = lineOpensAt(line, nowMs);
      if (at === null) {
        first = 0;
        break;
      }
      if (at < first) first = at;
    }
    const gateAt = gate.opensAt(nowMs);
    return first === 0 ? gateAt : Math.max(first, gateAt ?? 0);
  };

  return {
    opensAt,

    /** Leave to hand a message to this provider, as soon as its gate has a slot: at once where nothing is to be asked; null if it takes none. */
    admit(line: One): Admission | null | Promise<Admission | null> {
      const nowMs = clock();
      if (lineOpensAt(line, nowMs) !== null) return null;
      return line.breaker.closed && !line.breaker.isOpening ? free : ask(line);
    },

    /** What is said of a message that no provider took, and that was handed to none. `slotless`: for a gate had no slot for it. */
    held(slotless = false): SendResult {
      const nowMs = clock();
      const until = new Date(opensAt(nowMs) ?? nowMs + soonMs);
      const limited =
        slotless ||
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

  async function ask({ breaker, provider }: One): Promise<Admission | null> {
    const trial: Trial | null = await breaker.trial();
    if (!trial) return breaker.closed ? free : null;
    provider.wake();
    return {
      unused: () => trial.giveBack(),
      used(signal, reason) {
        if (signal === "answered") trial.passed();
        else if (signal === "failed") trial.failed(reason());
        else trial.giveBack();
      },
    };
  }
}

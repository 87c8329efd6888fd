import type { Breaker, Trial } from "./breakers.ts";
import { unlimited, type Permits } from "../../ledger/gates.ts";
import type { Permit, WatchedGate } from "./gate-cache.ts";
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

/**
 * Whether a channel takes messages: its own gate, and over all its providers their breakers, their gates and their rests. `key` is that
 * of its own gate.
 */
export function createAdmissions<One extends ProviderEndpoint>({
  key,
  gate,
  lines,
  clock,
}: {
  key: string;
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

    /** Permits for a message to leave by the channel at all. Null if there is none, undefined if none is needed. */
    enter(): undefined | Promise<Permit | null> {
      return gate.isOpen(clock()) ? undefined : gate.take();
    },

    /** Leave to hand a message to this provider: at once where nothing is to be asked; null if it takes none. */
    admit(line: One): Admission | null | Promise<Admission | null> {
      const nowMs = clock();
      if (lineOpensAt(line, nowMs) !== null) return null;
      return line.breaker.closed && !line.breaker.isOpening && line.gate.isOpen(nowMs)
        ? free
        : ask(line);
    },

    /** What is said of a message that no provider took, and that was handed to none. */
    held(): SendResult {
      const nowMs = clock();
      const until = new Date(opensAt(nowMs) ?? nowMs + soonMs);
      const limited =
        gate.opensAt(nowMs) !== null ||
        lines.some(({ breaker, gate: own }) => breaker.closed && !own.isOpen(nowMs));
      return { kind: "held", reason: limited ? "provider_rate" : "provider_unavailable", until };
    },

    /** As `Channel.reserve`. */
    async reserve({ wanted, asOf }: { wanted: number; asOf: Date }): Promise<Permits> {
      const nowMs = asOf.getTime();
      const closed = (opensAtMs: number | null): Permits => ({
        ...unlimited(0),
        opensInMs: opensAtMs === null ? soonMs : Math.max(1, Math.ceil(opensAtMs - nowMs)),
        closed: key,
      });
      const closedUntil = opensAt(nowMs);
      if (closedUntil !== null) return closed(closedUntil);

      const own = gate.isOpen(nowMs) ? unlimited(wanted) : await gate.reserve({ wanted, asOf });
      if (own.granted === 0) return own;
      const parts: Permits[] = [];
      let granted = 0;
      for (const line of lines) {
        if (granted === own.granted) break;
        if (lineOpensAt(line, nowMs) !== null) continue;
        const rest = own.granted - granted;
        const room = line.breaker.closed ? rest : Math.min(rest, line.breaker.trialsAt(nowMs));
        const part = line.gate.isOpen(nowMs)
          ? unlimited(room)
          : await line.gate.reserve({ wanted: room, asOf });
        granted += part.granted;
        parts.push(part);
      }
      if (granted < own.granted) await own.giveBack(own.granted - granted);
      if (granted === 0) return closed(opensAt(nowMs));
      return {
        ...unlimited(granted),
        async giveBack(permits) {
          await own.giveBack(permits);
          // Those taken last were of the provider that is preferred least.
          let left = permits;
          for (const part of parts.toReversed()) {
            const back = Math.min(left, part.granted);
            if (back > 0) await part.giveBack(back);
            left -= back;
          }
        },
      };
    },
  };

  async function ask({ breaker, gate: own, provider }: One): Promise<Admission | null> {
    let trial: Trial | null = null;
    if (!breaker.closed || breaker.isOpening) {
      trial = await breaker.trial();
      if (!trial && !breaker.closed) return null;
    }
    let permit: Permit | null = null;
    if (!own.isOpen(clock())) {
      permit = await own.take();
      if (!permit) {
        trial?.giveBack();
        return null;
      }
    }
    if (trial) provider.wake();
    return {
      unused() {
        trial?.giveBack();
        permit?.giveBack();
      },
      used(signal, reason) {
        if (signal === "answered") trial?.passed();
        else if (signal === "failed") trial?.failed(reason());
        else trial?.giveBack();
      },
    };
  }
}

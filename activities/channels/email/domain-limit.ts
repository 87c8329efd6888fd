import { performance } from "node:perf_hooks";
import type { SmtpProvider } from "../../../config/smtp.ts";
import type { DomainLimits } from "../../../domain/delivery/domain-limits.ts";
import { domainGate } from "../../../domain/delivery/gates.ts";
import { comesAheadMs, type WatchedGate } from "../cached-gate.ts";
import type { GateCache } from "../gate-cache.ts";
import type { GateAnswer, Passage } from "../passage.ts";

/** How long a message waits at its connection. After that it is put back. */
const patienceMs = 2_000;
/** How far ahead messages get turns. Those beyond it come back spread over the second half of this time. */
const longestTurnMs = 900_000;
/** The first pause after a refusal, and the longest. It doubles with each refusal after a pause. */
const firstPauseMs = 15_000;
const longestPauseMs = 900_000;
/** How long a message is taken to need before any was measured. */
const presumedMs = 100;

interface Options {
  limits: DomainLimits;
  /** Has the rate, and is shut while the domain gets nothing. All workers share it. */
  gate: WatchedGate;
  /** The most messages that wait for a slot or a place, so that those to other domains keep theirs. */
  maxWaiting: number;
  /** Returns milliseconds since the epoch. */
  clock: () => number;
}

/** What the turn of a message depends on. */
export interface Turn {
  isCampaign: boolean;
  /** The message has been put back for a limit before. */
  hasWaited: boolean;
}

/**
 * The limits of one provider for one receiving domain, as a worker keeps them. A message that can leave within half a second waits for its
 * slot beside the others. All other messages get a turn, one after the other, at which they are due again: they occupy nothing meanwhile.
 */
export class DomainLimit {
  readonly #options: Options;
  /** The messages that wait, and those that were handed over and are not answered. */
  #waiting = 0;
  #busy = 0;
  /** True while nothing can leave, so that the waiting messages are not all asked again and again. */
  #isBlocked = false;
  /** Makes the provider ask its waiting messages again. */
  #retry: () => void = () => {};
  /** The average time from the hand-over of a message to its answer. */
  #averageMs = presumedMs;
  /** The last turns that were given, by the kind of message. */
  readonly #lastTurnsMs = new Map<string, number>();
  #pauseMs = 0;
  #pausedUntilMs = 0;

  constructor(options: Options) {
    this.#options = options;
  }

  /** The number of messages that wait and have not begun. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Lets a message come; null if it could not leave soon. Its passage must be ended. Messages of campaigns leave half of the room to others, so that
   * these do not have to wait for a turn.
   */
  enter({ isCampaign }: Pick<Turn, "isCampaign">): DomainPassage | null {
    const { gate } = this.#options;
    const room = Math.min(gate.room(), this.#places - this.#waiting);
    if (room <= 0 || (isCampaign && this.#waiting > 0 && this.#waiting >= room)) return null;
    this.#waiting += 1;
    return new DomainPassage(this, gate.enter());
  }

  /**
   * Gives a message that cannot leave soon a turn: when it is due again, in milliseconds since the epoch. Those that had a turn before do not go
   * behind all others again, and those of campaigns delay only each other.
   */
  nextTurn({ isCampaign, hasWaited }: Turn): number {
    const { gate, clock } = this.#options;
    const nowMs = clock();
    const list = `${isCampaign} ${hasWaited}`;
    const startMs = Math.max(nowMs + comesAheadMs, gate.opensAt(nowMs) ?? 0);
    const turnMs = Math.max(startMs, this.#lastTurnsMs.get(list) ?? 0) + this.#intervalMs;
    const lastMs = startMs + longestTurnMs;
    if (turnMs > lastMs) return Math.ceil(lastMs - (Math.random() * longestTurnMs) / 2);
    this.#lastTurnsMs.set(list, turnMs);
    return Math.ceil(turnMs);
  }

  /** Pauses the domain after a refusal: for as long as the reply says, or longer each time. `reason` contains no addresses. */
  pause(retryAfterMs: number | null, reason: string): void {
    const { gate, clock } = this.#options;
    const nowMs = clock();
    // Messages that were under way when the pause began are refused for the same cause.
    if (nowMs >= this.#pausedUntilMs)
      this.#pauseMs = Math.min(Math.max(firstPauseMs, 2 * this.#pauseMs), longestPauseMs);
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, nowMs + (retryAfterMs ?? this.#pauseMs));
    gate.shut(this.#pausedUntilMs, reason);
  }

  /** Notes that a message was accepted. */
  noteAcceptance(): void {
    if (this.#options.clock() >= this.#pausedUntilMs) this.#pauseMs = 0;
  }

  /** The number of messages that may wait: those that the connections take within half a second. */
  get #places(): number {
    const { limits, maxWaiting } = this.#options;
    if (limits.connections === null) return maxWaiting;
    const places = Math.ceil((limits.connections * comesAheadMs) / this.#averageMs);
    return Math.min(maxWaiting, Math.max(limits.connections, places));
  }

  /** The time between two turns. */
  get #intervalMs(): number {
    const { connections, perSecond } = this.#options.limits;
    return Math.max(
      perSecond === null ? 0 : 1_000 / perSecond,
      connections === null ? 0 : this.#averageMs / connections,
    );
  }

  ask(slot: Passage | undefined, retry: () => void): GateAnswer {
    if (this.#isBlocked) return "waits";
    this.#retry = retry;
    const { limits, clock, gate } = this.#options;
    const isFull = limits.connections !== null && this.#busy >= limits.connections;
    if (!isFull && !slot) return gate.isOpen(clock()) ? "open" : "closed";
    const answer = isFull ? "waits" : slot!.ask(this.#askAgain);
    this.#isBlocked = answer === "waits";
    return answer;
  }

  readonly #askAgain = (): void => {
    this.#isBlocked = false;
    this.#retry();
  };

  noteLeft(): void {
    this.#waiting -= 1;
    this.#busy += 1;
  }

  noteNotLeft(): void {
    this.#waiting -= 1;
  }

  noteAnswer(tookMs: number): void {
    this.#busy -= 1;
    this.#averageMs += (tookMs - this.#averageMs) / 8;
    if (this.#isBlocked) this.#askAgain();
  }
}

/** Makes the limits of a provider by receiving domain; null where it has none. Their waiting messages take at most half of the places together. */
export function limitDomains(
  { name, domains }: Pick<SmtpProvider, "name" | "domains">,
  {
    gates,
    inFlightBound,
    clock,
  }: { gates: Pick<GateCache, "of">; inFlightBound: number; clock: () => number },
): ReadonlyMap<string, DomainLimit> | null {
  if (domains.length === 0) return null;
  const maxWaiting = Math.max(1, Math.floor(inFlightBound / 2 / domains.length));
  return new Map(
    domains.map((limits) => {
      const gate = gates.of(domainGate(name, limits.domain));
      return [limits.domain, new DomainLimit({ limits, gate, maxWaiting, clock })];
    }),
  );
}

/** A message's way through the limits of its domain. */
export class DomainPassage implements Passage {
  /** True once the message was refused its place, so that it is to be put back. */
  isClosed = false;
  readonly #limit: DomainLimit;
  /** Its way through the gate of the domain; undefined where it needs no slot. */
  readonly #slot: Passage | undefined;
  #state: "waits" | "left" | "ended" = "waits";
  #sinceMs: number | null = null;
  #leftMs = 0;

  constructor(limit: DomainLimit, slot: Passage | undefined) {
    this.#limit = limit;
    this.#slot = slot;
  }

  ask(retry: () => void): GateAnswer {
    if (this.#state === "left") return "open";
    const now = performance.now();
    this.#sinceMs ??= now;
    const isLate = now - this.#sinceMs > patienceMs;
    const answer = isLate ? "closed" : this.#limit.ask(this.#slot, retry);
    this.isClosed = answer === "closed";
    return answer;
  }

  pass(): void {
    if (this.#state !== "waits") return;
    this.#state = "left";
    this.#leftMs = performance.now();
    this.#limit.noteLeft();
    this.#slot?.pass();
  }

  end(): void {
    if (this.#state === "ended") return;
    const hasLeft = this.#state === "left";
    this.#state = "ended";
    this.#slot?.end();
    if (hasLeft) this.#limit.noteAnswer(performance.now() - this.#leftMs);
    else this.#limit.noteNotLeft();
  }
}

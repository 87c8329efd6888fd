import { performance } from "node:perf_hooks";
import type { Gates, GateView, Grant, Pace } from "../../ledger/gates.ts";
import type { GateAnswer, Passage } from "./passage.ts";

/** How long before its slot a message may come to a gate. Slots of a rate are claimed this far ahead. */
export const comesAheadMs = 500;
/** How long before they can be used slots are asked for, so that they are granted in time. */
const asksAheadMs = 120;
/** How long a message that could leave waits for a slot, and how far off a slot may be. Beyond that the message is put back. */
const patienceMs = 2_000;
const farMs = 1_000;
/** How long slots without a rate are kept for messages that do not come. */
const keptMs = 5_000;
/**
 * A server stands still if it answers nothing for this time, and for three times as long as it usually takes. It is handed
 * nothing more, so that it receives few messages at once when it continues.
 */
const stallMs = 300;
/** How long to wait if the gate cannot be asked, and if the rest of its quota is reserved. */
const awayMs = 1_000;
const soonMs = 50;

/**
 * A gate, as a process sees it. Its state is known within a second, and the ledger is not asked while the gate is neither
 * counted nor shut. Instants that are passed in and out are in milliseconds since the epoch.
 */
export interface WatchedGate {
  /** True if the gate is neither counted nor shut: messages pass without a slot. */
  isOpen(nowMs: number): boolean;
  /** When the gate takes another message; null: at this moment. */
  opensAt(nowMs: number): number | null;
  /** Since when the gate is shut, by the ledger's clock; null if it is not shut, or if that is not known yet. */
  shutSince(nowMs: number): Date | null;
  /** The number of messages that may come now, because they can leave within half a second. It does not ask the ledger. */
  room(): number;
  /** Lets a message come to the gate; undefined if it needs no slot. */
  enter(): Passage | undefined;
  /** Lets no message through until this time: at once in this process, and in others once it is written. */
  shut(untilMs: number, reason: string): void;
}

/** A slot that the ledger granted to this process. Instants are monotonic. */
interface Slot {
  fromMs: number;
  untilMs: number;
  /** The hour to whose quota it counts. */
  hour: string;
}

export class CachedGate implements WatchedGate {
  /** Counts the updates by this gate's own statements, so that an older read of all gates does not undo them. */
  updates = 0;
  /** The number of its watchers. */
  watchers = 0;
  readonly #gates: Gates;
  readonly #key: string;
  #read: Promise<void> | undefined;
  #counted = false;
  #shutUntilMs = 0;
  #shutSince: Date | null = null;
  #unwritten: { untilMs: number; reason: string } | null = null;
  /** The rate; null if there is none. */
  #pace: Pick<Pace, "intervalMs" | "lagMs"> | null = null;
  /** The next slot of the rate that is not granted, as far as is known. Monotonic. */
  #nextAtMs = Number.NEGATIVE_INFINITY;
  /** The rest of the quota, and when it begins again. */
  #quotaLeft = Number.POSITIVE_INFINITY;
  #quotaRenewsAtMs = 0;
  /** The granted slots, in the order of their instants. */
  readonly #slots: Slot[] = [];
  /** The number of slots of each hour that no message used. */
  readonly #unused = new Map<string, number>();
  /** The number of messages that are coming, and of those that have left and are not answered. */
  #coming = 0;
  #underWay = 0;
  /** When a message was last answered, or left while no other was under way. Monotonic. */
  #answeredAtMs = 0;
  /** The usual time of an answer: nearly the shortest of late. Null before the first answer. */
  #usualMs: number | null = null;
  /** The number of slots to leave unused, because as many messages may have arrived late. The ledger has not recorded them yet. */
  #owed = 0;
  readonly #retries = new Set<() => void>();
  #asking = false;
  /** The latest request for slots. Never rejects. */
  #asked: Promise<void> = Promise.resolve();
  #awayUntilMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(gates: Gates, key: string) {
    this.#gates = gates;
    this.#key = key;
  }

  isOpen(nowMs: number): boolean {
    return !this.#counted && nowMs >= this.#shutUntilMs;
  }

  opensAt(nowMs: number): number | null {
    if (nowMs < this.#shutUntilMs) return this.#shutUntilMs;
    if (!this.#counted || this.room() > 0) return null;
    if (this.#quotaLeft <= 0 && this.#slots.length === 0)
      return Math.max(nowMs + soonMs, this.#quotaRenewsAtMs);
    // The rest of the quota is reserved, and may be given back.
    if (!this.#pace) return null;
    const { intervalMs } = this.#pace;
    const turnMs = this.#nextAtMs + (this.#coming - this.#slots.length) * intervalMs;
    return nowMs + Math.max(soonMs, turnMs - comesAheadMs - performance.now());
  }

  shutSince(nowMs: number): Date | null {
    return nowMs < this.#shutUntilMs ? this.#shutSince : null;
  }

  room(): number {
    if (Date.now() < this.#shutUntilMs) return 0;
    if (!this.#counted) return Number.POSITIVE_INFINITY;
    const now = performance.now();
    this.#expire(now);
    return Math.max(0, this.#slots.length + this.#grantable(now) - this.#coming - this.#owed);
  }

  enter(): Passage | undefined {
    return this.isOpen(Date.now()) ? undefined : new CountedPassage(this);
  }

  shut(untilMs: number, reason: string): void {
    this.#shutUntilMs = Math.max(this.#shutUntilMs, untilMs);
    this.#unwritten = { untilMs, reason };
    void this.write();
    this.#retry();
  }

  /** Writes the time until which the gate is shut. If it cannot be written now, it is kept until the next call. */
  async write(): Promise<void> {
    const shut = this.#unwritten;
    if (!shut) return;
    const { untilMs, reason } = shut;
    // Write a duration rather than an instant, since this worker's clock may differ from the ledger's.
    const forMs = Math.max(0, untilMs - Date.now());
    await this.#gates.shut({ key: this.#key, forMs, reason }).then(
      () => {
        this.updates += 1;
        if (this.#unwritten === shut) this.#unwritten = null;
      },
      () => {},
    );
  }

  /** Reads the gate from the ledger, unless it was read before. */
  readOnce(): Promise<void> {
    return (this.#read ??= this.#gates.look([this.#key]).then(
      (views) => this.update(views.get(this.#key) ?? null, performance.now()),
      (error: unknown) => {
        this.#read = undefined;
        throw error;
      },
    ));
  }

  /** Takes the state that a read or a grant returned at `atMs`; null: there is no such gate. */
  update(view: GateView | null, atMs: number): void {
    const nowMs = Date.now();
    const shutMs = view?.shutMs ?? 0;
    this.#counted = view !== null && (view.pace !== null || view.quotaLeft !== null);
    if (!this.#unwritten) this.#shutUntilMs = shutMs > 0 ? nowMs + shutMs : 0;
    this.#shutSince = view?.shutSince ?? null;
    this.#pace = view?.pace ?? null;
    this.#nextAtMs = atMs + (view?.pace?.nextInMs ?? Number.NEGATIVE_INFINITY);
    this.#quotaLeft = view?.quotaLeft ?? Number.POSITIVE_INFINITY;
    this.#quotaRenewsAtMs = nowMs + (view?.quotaRenewsInMs ?? 0);
  }

  /** Gives unused slots back to the quotas: all slots, or those that are over. */
  async giveBack(all = false): Promise<void> {
    this.#expire(all ? Number.POSITIVE_INFINITY : performance.now());
    const unused = [...this.#unused];
    this.#unused.clear();
    if (unused.length > 0) this.updates += 1;
    await Promise.all(
      unused.map(([hour, slots]) => this.#gates.giveBack({ key: this.#key, slots, hour })),
    );
  }

  /** Resolves when no request for slots is under way, whose slots would otherwise not be given back. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#retries.clear();
    await this.#asked;
  }

  addComing(): void {
    this.#coming += 1;
  }

  removeComing(): void {
    this.#coming -= 1;
  }

  /** True if the server answers nothing although messages are under way. */
  isStalled(now: number): boolean {
    if (!this.#pace || this.#underWay === 0) return false;
    const limitMs = Math.max(stallMs, 4 * this.#pace.intervalMs, 3 * (this.#usualMs ?? 0));
    return now - this.#answeredAtMs > limitMs;
  }

  /** Calls `retry` once something may have changed, such as after an answer of the server. It asks for no slots. */
  hold(retry: () => void): "waits" {
    this.#retries.add(retry);
    return "waits";
  }

  /** Asks for a slot. `sinceMs` is the instant since which the message could leave. */
  ask(sinceMs: number, retry: () => void): GateAnswer {
    const nowMs = Date.now();
    if (nowMs < this.#shutUntilMs) return "closed";
    if (!this.#counted) return "open";
    const now = performance.now();
    this.#expire(now);
    if (this.#isUsable(now)) return "open";
    const isSpent = this.#quotaLeft <= 0 && nowMs < this.#quotaRenewsAtMs;
    const isFar = this.#nextAtMs - now > farMs || isSpent;
    if ((this.#slots.length === 0 && isFar) || now - sinceMs > patienceMs) return "closed";
    this.#retries.add(retry);
    this.#fetch(now);
    return "waits";
  }

  pass(): void {
    const now = performance.now();
    this.#slots.shift();
    if (this.#underWay === 0) this.#answeredAtMs = now;
    this.#underWay += 1;
    this.#fetch(now);
  }

  /**
   * Notes that a message that left at `leftMs` was answered. If no message was answered for a while, the server stood still, and
   * it takes the messages that were under way only now, together with those that leave next. As many slots are therefore left
   * unused. The ledger skips them for whichever process would have got them.
   */
  noteAnswer(leftMs: number): void {
    const now = performance.now();
    const wasStalled = this.isStalled(now);
    this.#usualMs = Math.min(now - leftMs, 1.1 * (this.#usualMs ?? now));
    if (wasStalled) this.#owed += this.#underWay;
    this.#answeredAtMs = now;
    this.#underWay -= 1;
    if (!wasStalled) return;
    this.#retry();
    this.#fetch(now);
  }

  /** The number of slots that could be granted from now until half a second from now, as far as is known. */
  #grantable(now: number): number {
    if (!this.#pace) return this.#quotaLeft;
    const { intervalMs, lagMs } = this.#pace;
    const firstInMs = Math.max(this.#nextAtMs - now, -lagMs);
    const slots = Math.floor((comesAheadMs - firstInMs) / intervalMs) + 1;
    return Math.min(Math.max(0, slots), Math.max(0, this.#quotaLeft));
  }

  #isUsable(now: number): boolean {
    const [slot] = this.#slots;
    return slot !== undefined && slot.fromMs <= now;
  }

  #expire(now: number): void {
    for (let [slot] = this.#slots; slot && slot.untilMs <= now; [slot] = this.#slots) {
      this.#slots.shift();
      this.#unused.set(slot.hour, (this.#unused.get(slot.hour) ?? 0) + 1);
    }
  }

  /**
   * Asks for slots for the messages that are coming, if it is time to, and schedules their retries. Slots to leave unused are
   * reported at once.
   */
  #fetch(now: number): void {
    let asksInMs = Number.POSITIVE_INFINITY;
    if (!this.#asking && this.#owed > 0) asksInMs = this.#awayUntilMs - now;
    else if (!this.#asking && this.#coming > this.#slots.length)
      asksInMs = Math.max(this.#nextAtMs - asksAheadMs, this.#awayUntilMs) - now;
    if (asksInMs <= 0) {
      this.#asking = true;
      // Messages that came together are asked for in one statement.
      this.#asked = new Promise((resolve) => setImmediate(() => resolve(this.#askForSlots())));
    }
    if (this.#retries.size === 0) return;
    const [slot] = this.#slots;
    const usableInMs = slot ? slot.fromMs - now : Number.POSITIVE_INFINITY;
    this.#retryIn(Math.min(usableInMs, asksInMs > 0 ? asksInMs : farMs, farMs));
  }

  async #askForSlots(): Promise<void> {
    const askedAtMs = performance.now();
    const wanted = Math.max(0, this.#coming - this.#slots.length);
    const skipped = this.#owed;
    try {
      if (wanted + skipped > 0) {
        const grant = await this.#gates.grant({ key: this.#key, wanted, skipped });
        this.#owed -= skipped;
        this.updates += 1;
        const atMs = performance.now();
        if (grant) this.#keep(grant, askedAtMs, atMs);
        this.update(grant, atMs);
      }
    } catch {
      this.#awayUntilMs = performance.now() + awayMs;
    }
    this.#asking = false;
    this.#retry();
    if (this.#owed > 0) this.#fetch(performance.now());
  }

  /**
   * Keeps granted slots. The database counted from an instant between the request and the answer. A slot is usable no earlier
   * than counted from the answer, and no later than counted from the request, so that the clocks of workers and database need
   * not agree.
   */
  #keep(
    { granted, firstInMs, lifetimeMs, pace, hour }: Grant,
    askedAtMs: number,
    answeredAtMs: number,
  ): void {
    for (let place = 0; place < granted; place++) {
      const inMs = firstInMs + place * (pace?.intervalMs ?? 0);
      this.#slots.push({
        fromMs: answeredAtMs + inMs,
        untilMs: lifetimeMs === null ? answeredAtMs + keptMs : askedAtMs + inMs + lifetimeMs,
        hour,
      });
    }
  }

  #retry(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const retries = [...this.#retries];
    this.#retries.clear();
    for (const retry of retries) retry();
  }

  #retryIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#retry(), Math.max(1, Math.ceil(ms)));
  }
}

class CountedPassage implements Passage {
  readonly #gate: CachedGate;
  #state: "coming" | "left" | "ended" = "coming";
  #sinceMs: number | null = null;
  #leftMs = 0;

  constructor(gate: CachedGate) {
    this.#gate = gate;
    gate.addComing();
  }

  ask(retry: () => void): GateAnswer {
    if (this.#state === "left") return "open";
    const now = performance.now();
    // The message has no connection while the server stands still, so that its patience starts again.
    if (this.#gate.isStalled(now)) {
      this.#sinceMs = null;
      return this.#gate.hold(retry);
    }
    this.#sinceMs ??= now;
    return this.#gate.ask(this.#sinceMs, retry);
  }

  pass(): void {
    if (this.#state !== "coming") return;
    this.#state = "left";
    this.#leftMs = performance.now();
    this.#gate.removeComing();
    this.#gate.pass();
  }

  end(): void {
    if (this.#state === "coming") this.#gate.removeComing();
    if (this.#state === "left") this.#gate.noteAnswer(this.#leftMs);
    this.#state = "ended";
  }
}

import { performance } from "node:perf_hooks";
import type { Gates, GateView, Grant, Pace } from "../../ledger/gates.ts";
import type { GateAnswer, Passage } from "./passage.ts";

/** How long before its slot a message may come to a gate: so much of a rate is claimed ahead. */
export const comesAheadMs = 500;
/** How long before they can be used slots are asked for, so that they are there in time. */
const asksAheadMs = 120;
/** How long a message that could leave waits for a slot. Where slots are this far off, it is put back. */
const patienceMs = 2_000;
const farMs = 1_000;
/** How long slots that no rate bounds are kept for messages that do not come. */
const keptMs = 5_000;
/**
 * A server that answers nothing for so long, and for three times as long as it usually takes, stands still. It is handed nothing more:
 * what it takes all at once when it goes on has to be little.
 */
const stallMs = 300;
/** How long to wait where the gate cannot be asked, and where what is left of it is spoken for. */
const awayMs = 1_000;
const soonMs = 50;

/**
 * A gate before messages, as a process sees it: what stands there is known within a second, and nothing is asked while it neither
 * counts nor is shut. Instants that are passed in and out are in milliseconds since the epoch.
 */
export interface WatchedGate {
  /** Neither counted nor shut: messages pass without a slot. */
  isOpen(nowMs: number): boolean;
  /** When it takes another message; null: at this moment. */
  opensAt(nowMs: number): number | null;
  /** How many more messages may come to it now, for they can leave within half a second. Asks nothing. */
  room(): number;
  /** A message comes; undefined where it needs no slot. */
  enter(): Passage | undefined;
  /** Lets nothing through until then: here at once, elsewhere when it is written. */
  shut(untilMs: number, reason: string): void;
}

/** A slot that is granted to this process. Instants are monotonic. */
interface Slot {
  fromMs: number;
  untilMs: number;
  day: string;
}

export class CachedGate implements WatchedGate {
  /** Counts what was learnt here, so that an older look does not undo it. */
  learnt = 0;
  /** How many watch it. */
  watchers = 0;
  readonly #gates: Gates;
  readonly #key: string;
  #known: Promise<void> | undefined;
  #counted = false;
  #shutUntilMs = 0;
  #unwritten: { untilMs: number; reason: string } | null = null;
  /** Null: no rate. */
  #pace: Pick<Pace, "intervalMs" | "lagMs"> | null = null;
  /** Monotonic: the next slot of the rate that nobody has, as far as is known. */
  #nextAtMs = Number.NEGATIVE_INFINITY;
  /** What is left of today's quota, and when the day ends. */
  #leftToday = Number.POSITIVE_INFINITY;
  #dayEndsAtMs = 0;
  /** In the order of their instants. */
  readonly #slots: Slot[] = [];
  /** Slots of each day that nobody came for. */
  readonly #unused = new Map<string, number>();
  /** Messages that come, and those that left and are not answered. */
  #coming = 0;
  #underWay = 0;
  /** Monotonic: when one was last answered, or left while there was none. */
  #answeredAtMs = 0;
  /** How long an answer takes, where nothing is amiss: nearly the shortest of late. Null: there was none yet. */
  #usualMs: number | null = null;
  /** Slots that nobody is to have, for as many messages may have arrived late. The gate is not yet told. */
  #owed = 0;
  readonly #retries = new Set<() => void>();
  #asking = false;
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
    if (this.#leftToday <= 0 && this.#slots.length === 0)
      return Math.max(nowMs + soonMs, this.#dayEndsAtMs);
    // What is left of the quota is spoken for, and may yet come back.
    if (!this.#pace) return null;
    const { intervalMs } = this.#pace;
    const turnMs = this.#nextAtMs + (this.#coming - this.#slots.length) * intervalMs;
    return nowMs + Math.max(soonMs, turnMs - comesAheadMs - performance.now());
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

  /** Writes until when it was shut. What cannot be written now is kept until it is asked for again. */
  async write(): Promise<void> {
    const shut = this.#unwritten;
    if (!shut) return;
    const { untilMs, reason } = shut;
    // How long, and not until when: the clock of this worker is its own.
    const forMs = Math.max(0, untilMs - Date.now());
    await this.#gates.shut({ key: this.#key, forMs, reason }).then(
      () => {
        this.learnt += 1;
        if (this.#unwritten === shut) this.#unwritten = null;
      },
      () => {},
    );
  }

  /** Looks what stands there, unless that is known. */
  lookOnce(): Promise<void> {
    return (this.#known ??= this.#gates.look([this.#key]).then(
      (views) => this.learn(views.get(this.#key) ?? null, performance.now()),
      (error: unknown) => {
        this.#known = undefined;
        throw error;
      },
    ));
  }

  /** Takes what a look or a grant says, which came in at `atMs`; null: there is no such gate. */
  learn(view: GateView | null, atMs: number): void {
    const nowMs = Date.now();
    const shutMs = view?.shutMs ?? 0;
    this.#counted = view !== null && (view.pace !== null || view.leftToday !== null);
    if (!this.#unwritten) this.#shutUntilMs = shutMs > 0 ? nowMs + shutMs : 0;
    this.#pace = view?.pace ?? null;
    this.#nextAtMs = atMs + (view?.pace?.nextInMs ?? Number.NEGATIVE_INFINITY);
    this.#leftToday = view?.leftToday ?? Number.POSITIVE_INFINITY;
    this.#dayEndsAtMs = nowMs + (view?.dayEndsInMs ?? 0);
  }

  /** Gives what nobody came for back to the day's quota: of all slots, or of those that are over. */
  async giveBack(all = false): Promise<void> {
    this.#expire(all ? Number.POSITIVE_INFINITY : performance.now());
    const unused = [...this.#unused];
    this.#unused.clear();
    if (unused.length > 0) this.learnt += 1;
    await Promise.all(
      unused.map(([day, slots]) => this.#gates.giveBack({ key: this.#key, slots, day })),
    );
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#retries.clear();
  }

  come(): void {
    this.#coming += 1;
  }

  leave(): void {
    this.#coming -= 1;
  }

  /** Does whoever takes the messages answer nothing, though some are under way? */
  standsStill(now: number): boolean {
    if (!this.#pace || this.#underWay === 0) return false;
    const patientMs = Math.max(stallMs, 4 * this.#pace.intervalMs, 3 * (this.#usualMs ?? 0));
    return now - this.#answeredAtMs > patientMs;
  }

  /** Calls once something may have changed, such as when the server has answered. Asks for no slots. */
  hold(retry: () => void): "waits" {
    this.#retries.add(retry);
    return "waits";
  }

  /** `sinceMs`: since when the message could leave. */
  ask(sinceMs: number, retry: () => void): GateAnswer {
    const nowMs = Date.now();
    if (nowMs < this.#shutUntilMs) return "closed";
    if (!this.#counted) return "open";
    const now = performance.now();
    this.#expire(now);
    if (this.#isUsable(now)) return "open";
    const isSpent = this.#leftToday <= 0 && nowMs < this.#dayEndsAtMs;
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
   * A message that left at `leftMs` was answered. Where none was for a while, the server stood still, and takes what was under way only now,
   * together with what leaves next: as many slots are left out. The gate leaves them out, for whoever would have got them.
   */
  answered(leftMs: number): void {
    const now = performance.now();
    const stoodStill = this.standsStill(now);
    this.#usualMs = Math.min(now - leftMs, 1.1 * (this.#usualMs ?? now));
    if (stoodStill) this.#owed += this.#underWay;
    this.#answeredAtMs = now;
    this.#underWay -= 1;
    if (!stoodStill) return;
    this.#retry();
    this.#fetch(now);
  }

  /** Slots that could be granted by half a second from now, as far as is known. */
  #grantable(now: number): number {
    if (!this.#pace) return this.#leftToday;
    const { intervalMs, lagMs } = this.#pace;
    const firstInMs = Math.max(this.#nextAtMs - now, -lagMs);
    const slots = Math.floor((comesAheadMs - firstInMs) / intervalMs) + 1;
    return Math.min(Math.max(0, slots), Math.max(0, this.#leftToday));
  }

  #isUsable(now: number): boolean {
    const [slot] = this.#slots;
    return slot !== undefined && slot.fromMs <= now;
  }

  #expire(now: number): void {
    for (let [slot] = this.#slots; slot && slot.untilMs <= now; [slot] = this.#slots) {
      this.#slots.shift();
      this.#unused.set(slot.day, (this.#unused.get(slot.day) ?? 0) + 1);
    }
  }

  /**
   * Asks for slots for those that come, if it is time to, and sees to it that they are told when they may ask again. What is to be left
   * out is said at once.
   */
  #fetch(now: number): void {
    let asksInMs = Number.POSITIVE_INFINITY;
    if (!this.#asking && this.#owed > 0) asksInMs = this.#awayUntilMs - now;
    else if (!this.#asking && this.#coming > this.#slots.length)
      asksInMs = Math.max(this.#nextAtMs - asksAheadMs, this.#awayUntilMs) - now;
    if (asksInMs <= 0) {
      this.#asking = true;
      // What came together is asked for together.
      setImmediate(() => void this.#askForSlots());
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
        this.learnt += 1;
        const atMs = performance.now();
        if (grant) this.#keep(grant, askedAtMs, atMs);
        this.learn(grant, atMs);
      }
    } catch {
      this.#awayUntilMs = performance.now() + awayMs;
    }
    this.#asking = false;
    this.#retry();
    if (this.#owed > 0) this.#fetch(performance.now());
  }

  /**
   * The database counted from an instant between the question and the answer: a slot is used no earlier than it may be by the one, and
   * no later than by the other. So the clocks of workers and of the database need not agree.
   */
  #keep(
    { granted, firstInMs, lifetimeMs, pace, day }: Grant,
    askedAtMs: number,
    answeredAtMs: number,
  ): void {
    for (let place = 0; place < granted; place++) {
      const inMs = firstInMs + place * (pace?.intervalMs ?? 0);
      this.#slots.push({
        fromMs: answeredAtMs + inMs,
        untilMs: lifetimeMs === null ? answeredAtMs + keptMs : askedAtMs + inMs + lifetimeMs,
        day,
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
    gate.come();
  }

  ask(retry: () => void): GateAnswer {
    if (this.#state === "left") return "open";
    const now = performance.now();
    // What waits for a server that stands still waits for a connection, as it were.
    if (this.#gate.standsStill(now)) {
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
    this.#gate.leave();
    this.#gate.pass();
  }

  end(): void {
    if (this.#state === "coming") this.#gate.leave();
    if (this.#state === "left") this.#gate.answered(this.#leftMs);
    this.#state = "ended";
  }
}

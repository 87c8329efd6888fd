import { unlimited, type Gates, type GateView, type Permits } from "../../ledger/gates.ts";
import { poll } from "../../lib/polling.ts";

/** How long permits are kept for messages that do not come. */
const keptMs = 5_000;
/** How long to wait where the gate cannot be asked. */
const awayMs = 1_000;

/** Leave to hand one message over. */
export interface Permit {
  /** It was not used. */
  giveBack(): void;
}

/**
 * A gate before single messages, as a process sees it: what stands there is known within a second, and nothing is asked while no
 * permits are counted. Permits set aside for messages to come are in one pocket, from which whoever comes first takes.
 */
export interface WatchedGate {
  /** Neither counted nor shut: messages pass without a permit. */
  isOpen(nowMs: number): boolean;
  /** When it is worth asking; null: at this moment. Milliseconds since the epoch, as `nowMs`. */
  opensAt(nowMs: number): number | null;
  /** Sets permits aside. Where none are counted, as many as wanted. */
  reserve(input: { wanted: number; asOf: Date }): Promise<Permits>;
  /** A permit for one message, from the pocket if there is one. Null if there is none: `opensAt` says when to ask again. */
  take(): Promise<Permit | null>;
  /** Lets nothing through until then: here at once, elsewhere when it is written. */
  shut(untilMs: number, reason: string): void;
}

export interface GateCache {
  of(key: string): WatchedGate;
  /** Looks what stands there. Rejects where the database cannot be reached. */
  refresh(): Promise<void>;
  /** Gives back what is set aside, and stops looking. */
  close(): Promise<void>;
}

/** Permits of one grant that are not used yet. */
interface Reservation {
  grant: Permits;
  left: number;
  atMs: number;
}

class CachedGate implements WatchedGate {
  /** Counts what was learnt here, so that an older look does not undo it. */
  learnt = 0;
  #gates: Gates;
  #key: string;
  #counted = false;
  #shutUntilMs = 0;
  #emptyUntilMs = 0;
  #pocket: Reservation[] = [];
  #waiting: ((permit: Permit | null) => void)[] = [];
  #unwritten: { until: Date; reason: string } | null = null;

  constructor(gates: Gates, key: string) {
    this.#gates = gates;
    this.#key = key;
  }

  isOpen(nowMs: number): boolean {
    return !this.#counted && nowMs >= this.#shutUntilMs;
  }

  opensAt(nowMs: number): number | null {
    const untilMs =
      this.#pocket.length > 0 ? this.#shutUntilMs : Math.max(this.#shutUntilMs, this.#emptyUntilMs);
    return nowMs < untilMs ? untilMs : null;
  }

  async reserve({ wanted, asOf }: { wanted: number; asOf: Date }): Promise<Permits> {
    if (!this.#counted) return unlimited(wanted);
    const set = await this.#take(wanted, asOf);
    return { ...set.grant, giveBack: (permits) => this.#giveBack(set, permits) };
  }

  take(): Promise<Permit | null> {
    if (Date.now() < this.#shutUntilMs) return Promise.resolve(null);
    const drawn = this.#draw();
    if (drawn) return Promise.resolve(drawn);
    return new Promise((resolve) => {
      if (this.#waiting.push(resolve) === 1) setImmediate(() => void this.#askForWaiting());
    });
  }

  shut(untilMs: number, reason: string): void {
    this.#shutUntilMs = Math.max(this.#shutUntilMs, untilMs);
    this.#unwritten = { until: new Date(untilMs), reason };
    void this.write();
  }

  /** Writes until when it was shut. What cannot be written now is kept until it is asked for again. */
  async write(): Promise<void> {
    const shut = this.#unwritten;
    if (!shut) return;
    await this.#gates.shut({ key: this.#key, ...shut }).then(
      () => {
        this.learnt += 1;
        if (this.#unwritten === shut) this.#unwritten = null;
      },
      () => {},
    );
  }

  learn({ counted, shutMs, emptyMs }: GateView): void {
    const nowMs = Date.now();
    this.#counted = counted;
    if (!this.#unwritten) this.#shutUntilMs = shutMs > 0 ? nowMs + shutMs : 0;
    this.#emptyUntilMs = emptyMs > 0 ? nowMs + emptyMs : 0;
  }

  /** Gives back what was set aside before. */
  async sweep(beforeMs: number): Promise<void> {
    const stale = this.#pocket.filter(({ atMs }) => atMs < beforeMs);
    await Promise.all(stale.map((set) => this.#giveBack(set, set.left)));
  }

  /** What came together is asked for together. */
  async #askForWaiting(): Promise<void> {
    const waiting = this.#waiting.splice(0);
    try {
      // Less than wanted does not say when there is more.
      for (let wanted = waiting.length; wanted > 0;) {
        const { grant } = await this.#take(wanted, new Date());
        if (grant.granted === 0) break;
        wanted -= grant.granted;
      }
    } catch {
      this.#emptyUntilMs = Date.now() + awayMs;
    }
    for (const resolve of waiting) resolve(this.#draw());
  }

  async #take(wanted: number, asOf: Date): Promise<Reservation> {
    const grant = await this.#gates.take({ key: this.#key, wanted, asOf });
    this.learnt += 1;
    this.#emptyUntilMs = grant.granted === 0 ? Date.now() + grant.opensInMs : 0;
    const set = { grant, left: grant.granted, atMs: Date.now() };
    if (set.left > 0) this.#pocket.push(set);
    return set;
  }

  #draw(): Permit | null {
    const [set] = this.#pocket;
    if (!set) return null;
    set.left -= 1;
    if (set.left === 0) this.#pocket.shift();
    return {
      giveBack: () => {
        set.left += 1;
        if (set.left === 1) this.#pocket.unshift(set);
      },
    };
  }

  async #giveBack(set: Reservation, permits: number): Promise<void> {
    const unused = Math.min(permits, set.left);
    set.left -= unused;
    if (set.left === 0) this.#pocket = this.#pocket.filter((other) => other !== set);
    if (unused === 0) return;
    this.#emptyUntilMs = 0;
    await set.grant.giveBack(unused);
  }
}

/** Resolves at once, knowing nothing: `refresh` is to be awaited before anything is asked. */
export function createGateCache({
  gates,
  keys,
  refreshMs = 1_000,
}: {
  gates: Gates;
  keys: readonly string[];
  /** How often it looks what stands there. */
  refreshMs?: number;
}): GateCache {
  const watched = new Map(keys.map((key) => [key, new CachedGate(gates, key)]));
  const none: GateView = { counted: false, shutMs: 0, emptyMs: 0 };

  const refresh = async (): Promise<void> => {
    const all = [...watched];
    const learnt = all.map(([, gate]) => gate.learnt);
    const views = await gates.look(keys);
    for (const [index, [key, gate]] of all.entries()) {
      if (gate.learnt === learnt[index]) gate.learn(views.get(key) ?? none);
      void gate.write();
    }
    await Promise.all(all.map(([, gate]) => gate.sweep(Date.now() - keptMs)));
  };

  const repeated = poll(refresh, refreshMs);

  return {
    of(key) {
      const gate = watched.get(key);
      if (!gate) throw new Error(`not a gate that is watched: ${key}`);
      return gate;
    },
    refresh,
    async close() {
      repeated.stop();
      await Promise.all([...watched.values()].map((gate) => gate.sweep(Infinity).catch(() => {})));
    },
  };
}

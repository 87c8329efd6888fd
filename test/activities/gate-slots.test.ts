import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import type { Pool } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createGateCache } from "../../activities/channels/gate-cache.ts";
import type { Passage } from "../../activities/channels/passage.ts";
import { createGates, type Gates } from "../../ledger/gates.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";
import { simulateTime } from "../support/simulated-time.ts";
import { countMostIn } from "../support/sliding-seconds.ts";

let database: LedgerDatabase;
let pool: Pool;

beforeAll(async () => {
  database = await createLedgerDatabase();
  ({ pool } = database);
});
beforeEach(() => pool.query("TRUNCATE gates"));
afterAll(() => database.drop());

const key = "provider/first";
const noonMs = Date.parse("2200-03-04T12:00:00Z");

interface World {
  rate: number;
  burst: number;
  workers?: number;
  /** Of each worker. */
  connections?: number;
  /** Until the server answers. */
  latencyMs?: number;
  /** A question of each worker to the database, and its answer, take so long each. */
  hopsMs?: readonly number[];
  /** The workers do something only so often. */
  stepsMs?: readonly number[];
  /** The server takes nothing between the two instants. */
  frozen?: readonly [number, number];
  /** How many messages wait at an instant, at most. */
  demand?: (atMs: number) => number;
}

/** Workers that have more to send than they may, over a gate in a real database, in a time that is simulated. */
async function live(
  totalMs: number,
  {
    rate,
    burst,
    workers = 1,
    connections = 10,
    latencyMs = 5,
    hopsMs = [2],
    stepsMs = [1],
    frozen = [0, 0],
    demand = () => 30,
  }: World,
): Promise<number[]> {
  let asked = 0;
  const gates = createGates(pool);
  await gates.ensure({ key, perSecond: rate, burst });
  const time = simulateTime(async () => {
    do await turn();
    while (asked > 0);
  });
  const ask = <T>(question: (at: Date) => Promise<T>): Promise<T> => {
    asked += 1;
    return question(new Date(noonMs + time.now())).finally(() => (asked -= 1));
  };
  /** The gates, as a worker comes by them. */
  const distant = (hopMs: number): Gates => {
    const hop = () => new Promise<void>((resolve) => setTimeout(resolve, hopMs));
    return {
      ...gates,
      async grant(input) {
        await hop();
        const grant = await ask((at) => gates.grant({ ...input, at }));
        await hop();
        return grant;
      },
      look: (keys) => ask((at) => gates.look(keys, at)),
    };
  };
  /** When the server took each message. */
  const taken: number[] = [];
  const [frozenMs, thawsMs] = frozen;
  const takenAt = (atMs: number) => (atMs >= frozenMs && atMs < thawsMs ? thawsMs : atMs);

  const caches = await Promise.all(
    Array.from({ length: workers }, async (_, worker) => {
      const cache = createGateCache({ gates: distant(hopsMs[worker % hopsMs.length]!) });
      const { gate } = await cache.watch(key);
      let waiting: Passage[] = [];
      let free = connections;
      const answered = (passage: Passage) => {
        passage.end();
        free += 1;
        pump();
      };
      const pump = () => {
        const others: Passage[] = [];
        for (const passage of waiting) {
          const answer = free > 0 ? passage.ask(pump) : "waits";
          if (answer === "open") {
            passage.pass();
            free -= 1;
            const atMs = takenAt(time.now());
            taken.push(atMs);
            setTimeout(() => answered(passage), atMs + latencyMs - time.now());
          } else if (answer === "closed") passage.end();
          else others.push(passage);
        }
        waiting = others;
      };
      const work = () => {
        while (waiting.length < demand(time.now()) && gate.room() > 0)
          waiting.push(...[gate.enter()].filter((passage) => passage !== undefined));
        pump();
      };
      return { cache, work };
    }),
  );
  for (let step = 0; time.now() < totalMs; step++) {
    for (const { work } of caches) work();
    await time.pass(stepsMs[step % stepsMs.length]!);
  }
  let open = caches.length;
  const closing = caches.map(({ cache }) => cache.close().finally(() => (open -= 1)));
  // A request for slots that is under way is awaited.
  while (open > 0) await time.pass(1);
  await Promise.all(closing);
  return taken;
}

/** An event loop that is busy now and then. */
const stepsMs = [1, 4, 2, 9, 5];
const rates = [
  { rate: 100, burst: 1 },
  { rate: 100, burst: 5 },
  { rate: 100, burst: 100 },
  { rate: 14, burst: 5 },
  { rate: 14, burst: 1 },
];

describe.each(rates)("a rate of $rate a second with a burst of $burst", ({ rate, burst }) => {
  it.each([1, 2])("is reached within a twentieth, and kept, by workers: %d", async (workers) => {
    const taken = await live(4_000, { rate, burst, workers, stepsMs });
    const steady = taken.filter((at) => at >= 1_000).length / 3;
    expect(steady).toBeGreaterThanOrEqual(rate * 0.95);
    expect(steady).toBeLessThanOrEqual(rate + burst / 3);
    expect(countMostIn(taken)).toBeLessThanOrEqual(rate + burst);
  });

  it("is kept by two workers when a server freezes for 4 s, and reached again", async () => {
    // One worker uses slots before the other says what it had under way.
    const hopsMs = [2, 10];
    const frozen = [1_000, 5_000] as const;
    const taken = await live(8_000, { rate, burst, workers: 2, hopsMs, stepsMs, frozen });
    expect(countMostIn(taken)).toBeLessThanOrEqual(rate + burst);
    expect(taken.filter((at) => at >= 6_000).length / 2).toBeGreaterThanOrEqual(rate * 0.95);
  });
});

it.each([
  [100, 300],
  [14, 1_200],
])("a rate of %d is reached where the server takes %d ms", async (rate, latencyMs) => {
  const slow = { connections: 40, latencyMs, stepsMs };
  const taken = await live(5_000, { rate, burst: 5, ...slow });
  // What is usual for it shows with its first answers.
  expect(taken.filter((at) => at >= 2_000).length / 3).toBeGreaterThanOrEqual(rate * 0.95);
});

it("keeps to the rate whatever comes when", async () => {
  const phases = fc.array(
    fc.record({ forMs: fc.integer({ min: 10, max: 900 }), messages: fc.nat({ max: 96 }) }),
    { minLength: 1, maxLength: 6 },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...rates),
      phases,
      fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 3 }),
      async ({ rate, burst }, demanded, stepsMs, workers) => {
        await pool.query("TRUNCATE gates");
        const demand = (atMs: number) => {
          let left = atMs;
          for (const { forMs, messages } of demanded) {
            if (left < forMs) return messages;
            left -= forMs;
          }
          return 0;
        };
        const taken = await live(3_000, { rate, burst, workers, stepsMs, demand });
        expect(countMostIn(taken)).toBeLessThanOrEqual(rate + burst);
      },
    ),
    { numRuns: 10 },
  );
});

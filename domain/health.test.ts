import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  assess,
  backlogOf,
  batchEfficiencyOf,
  type HealthIndicator,
  healthIndicators,
  healthWords,
  type HealthWord,
  type Measured,
} from "./health.ts";
import { buildPolicy, defaultPolicy } from "./policy/policy.ts";
import { priorities, type Priority } from "./priority.ts";
import { knownVersion } from "./time/iana-names.ts";

/** The measurements of a system that has done nothing. */
const idle: Measured = {
  depths: priorities.map((priority) => ({
    priority,
    due: 0,
    later: 0,
    oldestDueSeconds: null,
    ofCampaigns: 0,
  })),
  waiting: {},
  recipientsAtLimit: 0,
  breakers: [],
  stops: [],
  seconds: 900,
  sent: 0,
  messages: 0,
  failed: 0,
  attempts: 0,
  failedAttempts: 0,
  latencyMs: null,
  memory: 0.2,
  timeZoneData: { version: knownVersion, source: "system", ageDays: 30 },
  timeZoneDataOfWorkers: null,
};

const due = (count: number, oldestDueSeconds = 0, of: Priority = "normal") => ({
  depths: idle.depths.map((depth) =>
    depth.priority === of ? { ...depth, due: count, oldestDueSeconds } : depth,
  ),
});
const p95 = (ms: number) => ({ latencyMs: { p50: 1, p95: ms, p99: ms } });

const health = (measured: Partial<Measured>, changes: object = {}) =>
  assess({ ...idle, ...measured }, buildPolicy({ health: changes }));

describe("the time zone data", () => {
  const of = (
    data: Partial<Measured["timeZoneData"]>,
    timeZoneDataOfWorkers: Measured["timeZoneDataOfWorkers"] = null,
  ) => health({ timeZoneData: { ...idle.timeZoneData, ...data }, timeZoneDataOfWorkers });

  it("is good if it is the newest known release, of this year, and the same as the workers'", () => {
    const { word, indicators } = of({ ageDays: 366 }, { version: knownVersion, source: "node" });
    expect([word, indicators.timeZoneData.value]).toEqual(["good", 366]);
    expect(of({ version: "2099a" }).word).toBe("good");
  });

  it.each([
    [
      "older than the newest known release",
      { version: "2025c" },
      null,
      "2025c of the system; 2025c is older than",
    ],
    ["a year old", { ageDays: 367 }, null, "is more than 12 months old"],
    [
      "another release than the workers'",
      {},
      { version: "2099a", source: "node" } as const,
      "workers have used 2099a of Node.js",
    ],
  ])("is fair if it is %s, and names the remedy", (_, data, workers, why) => {
    const { word, reasons } = of(data, workers);
    expect([word, reasons]).toEqual(["fair", [expect.stringContaining(why)]]);
    expect(reasons[0]).toContain("as the runbook says under Renew time zone data");
  });
});

describe("an indicator", () => {
  it.each<[HealthIndicator, Partial<Measured>, HealthWord, number | null]>([
    ["deliveryRate", { sent: 1, failed: 0 }, "good", 1],
    ["deliveryRate", { sent: 95, failed: 5 }, "good", 0.95],
    ["deliveryRate", { sent: 949, failed: 51 }, "fair", 0.949],
    ["deliveryRate", { sent: 85, failed: 15 }, "fair", 0.85],
    ["deliveryRate", { sent: 849, failed: 151 }, "poor", 0.849],
    ["deliveryRate", { sent: 0, failed: 1 }, "poor", 0],
    ["deliveryRate", {}, "good", null],
    ["errorRate", { attempts: 100, failedAttempts: 5 }, "good", 0.05],
    ["errorRate", { attempts: 100, failedAttempts: 6 }, "fair", 0.06],
    ["errorRate", { attempts: 100, failedAttempts: 15 }, "fair", 0.15],
    ["errorRate", { attempts: 100, failedAttempts: 16 }, "poor", 0.16],
    ["errorRate", {}, "good", null],
    ["latency", p95(500), "good", 500],
    ["latency", p95(501), "fair", 501],
    ["latency", p95(2_000), "fair", 2_000],
    ["latency", p95(2_001), "poor", 2_001],
    ["latency", {}, "good", null],
    ["backlog", due(99), "good", 99],
    ["backlog", due(100), "fair", 100],
    ["backlog", due(499), "fair", 499],
    ["backlog", due(500), "poor", 500],
    ["oldestDue", due(1, 60, "critical"), "good", 60],
    ["oldestDue", due(1, 61, "critical"), "fair", 61],
    ["oldestDue", due(1, 601, "critical"), "poor", 601],
    // A delivery of priority `low` may be overtaken for at most five minutes.
    ["oldestDue", due(1, 360, "low"), "good", 60],
    ["oldestDue", due(1, 361, "low"), "fair", 61],
    ["oldestDue", due(1, 200, "low"), "good", 0],
    ["memory", { memory: 0.79 }, "good", 0.79],
    ["memory", { memory: 0.8 }, "fair", 0.8],
    ["memory", { memory: 0.95 }, "poor", 0.95],
    ["breakers", { breakers: [{ provider: "a", state: "closed" }] }, "good", 0],
    ["breakers", { breakers: [{ provider: "a", state: "half_open" }] }, "fair", 0],
    ["breakers", { breakers: [{ provider: "a", state: "open" }] }, "fair", 1],
    [
      "breakers",
      { breakers: [{ provider: "a", state: "open" }], waiting: { provider_unavailable: 3 } },
      "poor",
      1,
    ],
    ["stops", { stops: [{ gate: "channel/email", until: new Date(0) }] }, "fair", 1],
    ["limits", { waiting: { recipient_limit: 9_000 }, recipientsAtLimit: 800 }, "good", 800],
    ["throughput", { sent: 30, seconds: 60 }, "good", 30],
    ["throughput", { seconds: 0 }, "good", 0],
    ["batchEfficiency", { sent: 10, messages: 4 }, "good", 0.6],
    ["batchEfficiency", {}, "good", null],
  ])("%s of %j is %s", (name, measured, word, value) => {
    const { indicators, ...whole } = health(measured);
    expect(indicators[name]).toMatchObject({ word });
    if (value === null) expect(indicators[name].value).toBeNull();
    else expect(indicators[name].value).toBeCloseTo(value);
    expect(indicators[name].detail).toMatch(/^.+\.$/);
    if (word !== "good") expect(whole.reasons[0]).toContain(indicators[name].detail);
  });

  it("is rated by the thresholds of the policy, and shows them", () => {
    const changes = {
      backlog: { warning: 1, critical: 3 },
      deliveryRate: { good: 0.5, poor: 0.1 },
    };
    const { indicators } = health({ ...due(2), sent: 5, failed: 5 }, changes);
    expect(indicators.backlog).toMatchObject({
      word: "fair",
      thresholds: { fair: 1, poor: 3 },
    });
    expect(indicators.deliveryRate).toMatchObject({
      word: "good",
      thresholds: { fair: 0.5, poor: 0.1 },
    });
    expect(indicators.throughput.thresholds).toBeNull();
  });
});

describe("a detail", () => {
  it.each<[HealthIndicator, Partial<Measured>, string]>([
    ["latency", p95(340.4), "within 340 ms."],
    ["latency", p95(5_464), "within 5.5 s."],
    ["backlog", due(1_204), "1,204 deliveries are due"],
    ["oldestDue", due(1, 3 * 3_600 + 60, "critical"), "has waited 3 hours longer"],
    ["throughput", { sent: 18_310 }, "18,310 deliveries were sent in the last 15 minutes."],
  ])("of %s of %j is written as people read it", (name, measured, text) => {
    expect(health(measured).indicators[name].detail).toContain(text);
  });
});

describe("the overall rating", () => {
  it("is good, without reasons, while nothing has happened", () => {
    expect(health({})).toMatchObject({ word: "good", reasons: [] });
  });

  it("is the worst of all indicators, with the worst reasons first, each with its remedy", () => {
    const { word, reasons } = health({ ...due(120), sent: 1, failed: 9, memory: 0.97 });
    expect(word).toBe("poor");
    expect(reasons).toEqual([
      "10% of the deliveries that ended in the last 15 minutes were sent. See which deliveries failed, and why.",
      expect.stringMatching(/^This API process uses 97%.* more API processes\.$/),
      expect.stringMatching(/^120 deliveries are due and not sent\. .*The queue shows/),
    ]);
    expect(health(due(120)).word).toBe("fair");
  });

  it("does not count open deliveries of campaigns", () => {
    const depths = idle.depths.map((depth) => ({ ...depth, ofCampaigns: 1_000_000 }));
    expect(health({ depths })).toMatchObject({ word: "good" });
    expect(backlogOf({ depths })).toBe(0);
  });

  const count = fc.nat(2_000);
  const measured: fc.Arbitrary<Measured> = fc
    .record({
      due: count,
      oldestDueSeconds: fc.option(count),
      breakers: fc.array(
        fc.record({
          provider: fc.constantFrom("a", "b"),
          state: fc.constantFrom("closed" as const, "open" as const, "half_open" as const),
        }),
      ),
      unavailable: fc.nat(2),
      seconds: count,
      sent: count,
      inGroups: count,
      failed: count,
      attempts: count,
      failedAttempts: count,
      latency: fc.option(count),
      memory: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    .map(({ due: dueCount, oldestDueSeconds, unavailable, inGroups, latency, ...rest }) => ({
      ...idle,
      ...rest,
      ...due(dueCount, oldestDueSeconds ?? 0),
      waiting: { provider_unavailable: unavailable },
      messages: Math.max(Math.min(rest.sent, 1), rest.sent - inGroups),
      failedAttempts: Math.min(rest.failedAttempts, rest.attempts),
      latencyMs: latency === null ? null : { p50: latency, p95: latency, p99: latency },
    }));

  it("is the worst word of its indicators, with a reason for each that is not good", () => {
    fc.assert(
      fc.property(measured, (of) => {
        const { word, reasons, indicators } = assess(of, defaultPolicy);
        const words = healthIndicators.map((name) => indicators[name].word);
        const worst = Math.max(...words.map((each) => healthWords.indexOf(each)));
        expect(word).toBe(healthWords[worst]);
        expect(reasons).toHaveLength(words.filter((each) => each !== "good").length);
        for (const { value } of Object.values(indicators))
          expect(value === null || Number.isFinite(value)).toBe(true);
      }),
    );
  });

  it("gets no better when more deliveries fail or wait", () => {
    const rank = (of: Measured) => healthWords.indexOf(assess(of, defaultPolicy).word);
    fc.assert(
      fc.property(measured, count, count, (of, more, waiting) => {
        const worse = {
          ...of,
          failed: of.failed + more,
          depths: of.depths.map((depth) => ({ ...depth, due: depth.due + waiting })),
        };
        expect(rank(worse)).toBeGreaterThanOrEqual(rank(of));
      }),
    );
  });

  it("counts between none and all but one of the sent messages as saved", () => {
    fc.assert(
      fc.property(measured, (of) => {
        const saved = batchEfficiencyOf(of);
        if (saved === null) return;
        expect(saved).toBeGreaterThanOrEqual(0);
        expect(saved).toBeLessThan(1);
      }),
    );
  });
});

import { describe, expect, it } from "vitest";
import { mergePatch } from "../merge-patch.ts";
import { policy, findPolicyChanges, buildPolicy, defaultPolicy } from "./policy.ts";

/** The default policy with `changes` applied. */
const applyChanges = (changes: object) => mergePatch(defaultPolicy, changes);

describe("a policy", () => {
  it("is stored as what differs from the presets", () => {
    expect(policy.parse(defaultPolicy)).toEqual(defaultPolicy);
    expect(findPolicyChanges(defaultPolicy)).toEqual({});
    const changes = {
      preferences: { batching: { maximumSize: 7 }, quietHours: [{ start: "22:00", end: "07:00" }] },
      limits: { perMinute: 3 },
      snoozeMaximumDays: 7,
    };
    const changed = buildPolicy(changes);
    expect(changed.preferences.batching).toEqual({
      ...defaultPolicy.preferences.batching,
      maximumSize: 7,
    });
    expect(findPolicyChanges(changed)).toEqual(changes);
  });

  it("accepts limits in any order: the strictest one applies", () => {
    const limits = { perMinute: 500, perHour: 100, perDay: 1 };
    expect(buildPolicy({ limits }).limits).toEqual({ ...limits, burst: null });
  });

  it("has no burst limit until one is set, and none once it is removed", () => {
    expect(defaultPolicy.limits.burst).toBeNull();
    const burst = { messages: 5, seconds: 10 };
    const changed = buildPolicy({ limits: { burst } });
    expect(changed.limits).toEqual({ ...defaultPolicy.limits, burst });
    expect(findPolicyChanges(changed)).toEqual({ limits: { burst } });
    const removed = mergePatch({ limits: { burst } }, { limits: { burst: null } });
    expect(buildPolicy(removed)).toEqual(defaultPolicy);
  });

  it("refuses a burst limit without its window", () => {
    const faults = policy.safeParse(applyChanges({ limits: { burst: { messages: 5 } } })).error;
    expect(faults?.issues.map(({ path }) => path.join("."))).toEqual(["limits.burst.seconds"]);
  });

  it.each([
    [
      "deliveryRate",
      { good: 0.8, poor: 0.9 },
      ["health.deliveryRate.poor", "must not be more than good"],
    ],
    [
      "errorRate",
      { good: 0.2, poor: 0.1 },
      ["health.errorRate.poor", "must not be less than good"],
    ],
    [
      "latencyMs",
      { good: 2_000, poor: 500 },
      ["health.latencyMs.poor", "must not be less than good"],
    ],
    [
      "oldestDueSeconds",
      { good: 600, poor: 60 },
      ["health.oldestDueSeconds.poor", "must not be less than good"],
    ],
    [
      "backlog",
      { warning: 500, critical: 100 },
      ["health.backlog.critical", "must not be less than warning"],
    ],
    [
      "memory",
      { warning: 0.95, critical: 0.5 },
      ["health.memory.critical", "must not be less than warning"],
    ],
  ] as const)(
    "requires the thresholds of %s in their order",
    (name, thresholds, [path, message]) => {
      const faults = policy.safeParse(applyChanges({ health: { [name]: thresholds } })).error
        ?.issues;
      expect(faults?.map((issue) => [issue.path.join("."), issue.message])).toEqual([
        [path, message],
      ]);
    },
  );

  const ranges: [string, number, number][] = [
    ["preferences.batching.maximumSize", 2, 20],
    ["preferences.batching.windowMinutes", 5, 120],
    ["preferences.maxPerHour", 1, 1_000],
    ["limits.perMinute", 1, 10_000],
    ["limits.perHour", 1, 10_000],
    ["limits.perDay", 1, 10_000],
    ["limits.burst.messages", 1, 10_000],
    ["limits.burst.seconds", 1, 3_600],
    ["deduplicationSeconds", 0, 86_400],
    ["release.recipientSeconds", 0, 3_600],
    ["release.channelPerSecond", 0.01, 100_000],
    ["batching.itemsShown", 1, 50],
    ["batching.underLoad.maximumSize", 2, 20],
    ["batching.underLoad.windowMinutes", 5, 120],
    ["digest.itemsShownPerType", 1, 50],
    ["timing.maximumWaitMinutes", 1, 1_440],
    ["timing.minimumLooks", 1, 1_000],
    ["breaker.failures", 1, 1_000],
    ["breaker.withinSeconds", 1, 86_400],
    ["breaker.openSeconds", 1, 86_400],
    ["breaker.trials", 1, 100],
    ["health.windowMinutes", 1, 1_440],
    ["health.memory.warning", 0, 1],
    ["snoozeMaximumDays", 1, 365],
  ];

  it.each(ranges)(
    "accepts %s from %d to %d, and refuses other values with that range",
    (path, min, max) => {
      const at = (value: number) =>
        path.split(".").reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as object;
      const withBurst = applyChanges({ limits: { burst: { messages: 5, seconds: 10 } } });
      const faults = (value: number) =>
        policy.safeParse(mergePatch(withBurst, at(value))).error?.issues ?? [];
      expect(faults(min).filter((issue) => issue.path.join(".") === path)).toEqual([]);
      for (const value of [min - 0.001, max + 1, -1]) {
        const [fault] = faults(value);
        expect([value, fault?.path.join("."), fault?.message]).toEqual([
          value,
          path,
          expect.stringContaining(`from ${min} to ${max}`),
        ]);
      }
    },
  );
});

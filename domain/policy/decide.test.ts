import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { noLoad } from "./batching.ts";
import { decide, type Decision, explain, type DecisionInput, rules } from "./decide.ts";
import { noGrants } from "./limits.ts";
import { dayMs, hourMs, minuteMs } from "../time/local-time.ts";
import type { NotificationType } from "./notification-type.ts";
import { defaultPolicy } from "./policy.ts";
import {
  somePolicy,
  somePriority,
  someTypes,
  somePreferences,
  someZone,
  typeNumbered,
} from "./policy.testing.ts";
import { type EffectivePreferences, effectivePreferences } from "./preferences.ts";
import { quietUntil } from "./quiet-hours.ts";
import { type Reason, reasons } from "../delivery/reasons.ts";
import { suppressionReasons } from "../suppression.ts";

/** A Wednesday. */
const now = Date.parse("2026-06-10T12:00:00Z");

const merging = { batchable: true, digestable: true };
const type = typeNumbered(1, merging);

interface Changes {
  recipient?: Partial<DecisionInput["recipient"]>;
  message?: Partial<DecisionInput["message"]>;
  waiting?: Partial<DecisionInput["waiting"]>;
  type?: NotificationType | null;
  preferences?: Partial<EffectivePreferences>;
  limits?: Partial<DecisionInput["policy"]["limits"]>;
  grants?: DecisionInput["grants"];
  ahead?: number;
}

/** Of a message that nothing speaks against, nor for waiting. */
function facts(...changes: readonly Changes[]): DecisionInput {
  const merged = changes.reduce<Changes>(
    (sum, { recipient, message, waiting, preferences, limits, ...more }) => ({
      ...sum,
      ...more,
      recipient: { ...sum.recipient, ...recipient },
      message: { ...sum.message, ...message },
      waiting: { ...sum.waiting, ...waiting },
      preferences: { ...sum.preferences, ...preferences },
      limits: { ...sum.limits, ...limits },
    }),
    {},
  );
  return {
    now,
    recipient: {
      erased: false,
      hasAddress: true,
      suppression: null,
      zone: "UTC",
      bestHour: null,
      ...merged.recipient,
    },
    message: {
      priority: "normal",
      channel: "email",
      askedAt: now,
      occursAt: null,
      expiresAt: null,
      batchable: true,
      bypassRateLimit: false,
      duplicate: false,
      superseded: false,
      undecided: false,
      ...merged.message,
    },
    waiting: { reason: null, holdCount: 0, group: null, ...merged.waiting },
    type: merged.type === undefined ? type : merged.type,
    policy: { ...defaultPolicy, limits: { ...defaultPolicy.limits, ...merged.limits } },
    preferences: {
      ...defaultPolicy.preferences,
      types: {},
      batching: { ...defaultPolicy.preferences.batching, enabled: false },
      ...merged.preferences,
    },
    statedPreferences: null,
    grants: merged.grants ?? noGrants,
    ahead: merged.ahead ?? 0,
    load: noLoad,
  };
}

/** In short, as "hold quiet_hours". */
function told(decision: Decision): string {
  switch (decision.kind) {
    case "send":
      return "send";
    case "merge":
      return `merge ${decision.into}`;
    case "hold":
    case "suppress":
      return `${decision.kind} ${decision.reason}`;
  }
}

const grantedAgo = (...agoMs: number[]): Changes => ({
  grants: { granted: agoMs.map((ms) => now - ms), types: agoMs.map(() => 0) },
});
const allDay = [{ start: "00:00", end: "24:00" }];
const daily = { mode: "daily", time: "08:00", weekday: "monday" } as const;
const batching = { enabled: true, maximumSize: 5, windowMinutes: 30 };
const group = { kind: "batch", status: "open", closesAt: now } as const;

/** What makes each rule speak, and what it says then. */
const spoken: Record<string, [Changes, string]> = {
  erased: [{ recipient: { erased: true } }, "suppress recipient_erased"],
  suppressed: [{ recipient: { suppression: "bounced" } }, "suppress address_suppressed"],
  address: [{ recipient: { hasAddress: false } }, "suppress no_address"],
  expired: [{ message: { expiresAt: now } }, "suppress expired"],
  critical: [{ message: { priority: "critical" } }, "send"],
  switched_off: [{ preferences: { types: { [type.key]: false } } }, "suppress type_off"],
  minimum_priority: [
    { preferences: { minimumPriority: "high" } },
    "suppress below_minimum_priority",
  ],
  duplicate: [{ message: { duplicate: true } }, "suppress duplicate"],
  superseded: [{ message: { superseded: true } }, "suppress superseded"],
  requested: [{ waiting: { reason: "send_requested" } }, "send"],
  quiet_hours: [{ preferences: { quietHours: allDay } }, "hold quiet_hours"],
  digest: [{ preferences: { digest: daily } }, "merge digest"],
  batching: [{ preferences: { batching } }, "merge batch"],
  limits: [{ limits: { perMinute: 1 }, ...grantedAgo(1_000) }, "hold organisation_limit"],
  smoothed_release: [
    { waiting: { reason: "quiet_hours", holdCount: 1 }, ...grantedAgo(1_000) },
    "hold smoothed_release",
  ],
  best_hour: [
    { recipient: { bestHour: 14 }, preferences: { intelligentTiming: true } },
    "hold best_hour",
  ],
};

const names = Object.keys(spoken);

describe("the order of precedence", () => {
  it("is the published one", () => {
    expect(rules.map(({ name }) => name)).toEqual([
      "erased",
      "suppressed",
      "address",
      "expired",
      "critical",
      "switched_off",
      "minimum_priority",
      "duplicate",
      "superseded",
      "requested",
      "quiet_hours",
      "digest",
      "batching",
      "limits",
      "smoothed_release",
      "best_hour",
    ]);
    expect(names).toEqual(rules.map(({ name }) => name));
  });

  it("sends what no rule speaks about", () => {
    expect(told(decide(facts()))).toBe("send");
  });

  it.each(names)("has %s decide where it alone speaks", (name) => {
    const [changes, says] = spoken[name]!;
    const { decision, evaluations } = explain(facts(changes));
    expect([evaluations.at(-1)!.rule.name, told(decision)]).toEqual([name, says]);
  });

  const pairs = names.flatMap((first, index) =>
    names.slice(index + 1).map((second) => [first, second] as const),
  );

  it.each(pairs)("has %s decide before %s", (first, second) => {
    const [changes, says] = spoken[first]!;
    const { decision, evaluations } = explain(facts(spoken[second]![0], changes));
    expect([evaluations.at(-1)!.rule.name, told(decision)]).toEqual([first, says]);
  });
});

describe("decide", () => {
  const high: Changes = { message: { priority: "high" } };
  const low: Changes = { message: { priority: "low" } };
  const mandatory: Changes = { type: typeNumbered(1, { ...merging, mandatory: true }) };
  const untyped: Changes = { type: null };
  const bypassing: Changes = { message: { bypassRateLimit: true } };
  const wish: Changes = { preferences: { maxPerHour: 1 }, ...grantedAgo(1_000) };
  const typeLimit: Changes = {
    type: typeNumbered(1, { limits: { perHour: 1 } }),
    grants: { granted: [now - 1_000], types: [1] },
  };
  const of = (name: string) => spoken[name]![0];

  it.each<[string, Changes[], string]>([
    ["holds high in quiet hours", [high, of("quiet_hours")], "hold quiet_hours"],
    ["never puts high into a digest", [high, of("digest")], "send"],
    ["never batches high", [high, of("batching")], "send"],
    ["lets high pass the recipient's wish", [high, wish], "send"],
    ["holds high for the organisation", [high, of("limits")], "hold organisation_limit"],
    ["holds high for its type", [high, typeLimit], "hold type_limit"],
    ["never lets high wait for the best hour", [high, of("best_hour")], "send"],
    ["holds what is more than wished for", [wish], "hold recipient_limit"],
    ["counts for a type its own alone", [typeLimit, grantedAgo(1_000)], "send"],
    ["lets low into a digest", [low, of("digest")], "merge digest"],
    ["does not let mandatory be switched off", [mandatory, of("switched_off")], "send"],
    [
      "nor by its channel",
      [
        mandatory,
        { preferences: { channels: { ...defaultPolicy.preferences.channels, email: false } } },
      ],
      "send",
    ],
    ["nor by a minimum priority", [mandatory, of("minimum_priority")], "send"],
    ["has mandatory wait like any other", [mandatory, of("quiet_hours")], "hold quiet_hours"],
    ["and be limited", [mandatory, wish], "hold recipient_limit"],
    ["and told once", [mandatory, of("duplicate")], "suppress duplicate"],
    ["lets a bypass pass every limit", [bypassing, of("limits"), wish], "send"],
    ["and come at once after others", [bypassing, of("smoothed_release")], "send"],
    ["but not quiet hours", [bypassing, of("quiet_hours")], "hold quiet_hours"],
    ["never puts what has no type into a digest", [untyped, of("digest")], "send"],
    ["nor batches it", [untyped, of("batching")], "send"],
    [
      "does not batch what is to go by itself",
      [of("batching"), { message: { batchable: false } }],
      "send",
    ],
    [
      "nor a type that is not to be",
      [of("batching"), { type: typeNumbered(1, { digestable: true }) }],
      "send",
    ],
    [
      "batches what its recipient has no digest of",
      [of("batching"), of("digest"), { type: typeNumbered(1, { batchable: true }) }],
      "merge batch",
    ],
    [
      "suppresses what its type may not go out on",
      [{ type: typeNumbered(1, { channels: ["push"] }) }],
      "suppress channel_off",
    ],
    [
      "lets a batch go whose window has ended",
      [of("batching"), { waiting: { reason: "batch", holdCount: 1, group } }],
      "send",
    ],
    [
      "and one that is full",
      [
        of("batching"),
        { waiting: { reason: "batch", group: { ...group, status: "full", closesAt: now + 1 } } },
      ],
      "send",
    ],
    [
      "holds it for a limit like any other",
      [of("batching"), wish, { waiting: { reason: "batch", holdCount: 1, group } }],
      "hold recipient_limit",
    ],
    [
      "lets a digest go at its time",
      [
        of("digest"),
        of("batching"),
        { waiting: { reason: "digest", holdCount: 1, group: { ...group, kind: "digest" } } },
      ],
      "send",
    ],
    [
      "does not wait twice for the best hour",
      [of("best_hour"), { waiting: { reason: "best_hour", holdCount: 1 } }],
      "send",
    ],
    [
      "nor longer than the policy lets it",
      [of("best_hour"), { recipient: { bestHour: 17 } }],
      "send",
    ],
    [
      "lets a type's time to live end it before the request's",
      [
        {
          type: typeNumbered(1, { timeToLiveSeconds: 60 }),
          message: { askedAt: now - minuteMs, expiresAt: now + dayMs },
        },
      ],
      "suppress expired",
    ],
    [
      "and the request's before its type's",
      [
        {
          type: typeNumbered(1, { timeToLiveSeconds: 86_400 }),
          message: { askedAt: now - minuteMs, expiresAt: now },
        },
      ],
      "suppress expired",
    ],
    [
      "waits for no digest that comes too late for it: for a batch, which does not",
      [of("digest"), of("batching"), { message: { expiresAt: now + 2 * hourMs } }],
      "merge batch",
    ],
    [
      "nor for a batch that closes too late for it",
      [of("batching"), { message: { expiresAt: now + minuteMs } }],
      "send",
    ],
    [
      "nor for a best hour that comes too late for it",
      [of("best_hour"), { message: { expiresAt: now + minuteMs } }],
      "send",
    ],
    ["sends what does not live for ever", [{ message: { expiresAt: now + 1 } }], "send"],
  ])("%s", (_, changes, says) => {
    expect(told(decide(facts(...changes)))).toBe(says);
  });

  it("opens a batch from when the message was asked for, so that a wait makes it no longer", () => {
    const joining = (askedAt: number) => {
      const decision = decide(facts(of("batching"), { message: { askedAt } }));
      return decision.kind === "merge" ? decision.joining.closesAt - now : null;
    };
    expect(joining(now)).toBe(30 * minuteMs);
    expect(joining(now - 10 * minuteMs)).toBe(20 * minuteMs);
    expect(joining(now - dayMs)).toBe(0);
  });

  it("holds for a limit until there is room, and looks less and less often where many wait", () => {
    const limited = { preferences: { maxPerHour: 1 }, ...grantedAgo(hourMs - 1_000) };
    const waits = (holdCount: number) => {
      const waiting = { reason: "recipient_limit", holdCount } as const;
      const decision = decide(facts(limited, holdCount > 0 ? { waiting } : {}));
      return decision.kind === "hold" ? decision.until - now : null;
    };
    expect([0, 1, 2, 3, 6, 7, 30].map(waits)).toEqual([
      1_000, 5_000, 10_000, 20_000, 160_000, 300_000, 300_000,
    ]);
    const free = decide(facts({ waiting: { reason: "recipient_limit", holdCount: 9 } }));
    expect(free.kind).toBe("send");
  });

  it("lets what was held back come one after the other", () => {
    const back: Changes = { waiting: { reason: "do_not_disturb", holdCount: 1 } };
    const until = (...changes: Changes[]) => {
      const decision = decide(facts(back, ...changes));
      return decision.kind === "hold" ? decision.until - now : decision.kind;
    };
    expect(until()).toBe("send");
    expect(until({ ahead: 2 })).toBe(2 * minuteMs);
    expect(until(grantedAgo(20_000))).toBe(40_000);
    expect(until(grantedAgo(minuteMs))).toBe("send");
  });
});

const someFacts: fc.Arbitrary<DecisionInput> = fc
  .record({
    flags: fc.record({
      erased: rarely(),
      suppression: fc.oneof(
        { weight: 8, arbitrary: fc.constant(null) },
        { weight: 1, arbitrary: fc.constantFrom(...suppressionReasons) },
      ),
      hasAddress: rarely().map((without) => !without),
      duplicate: rarely(),
      superseded: rarely(),
      undecided: rarely(),
      batchable: fc.boolean(),
      bypassRateLimit: rarely(),
      off: rarely(),
    }),
    zone: someZone,
    bestHour: fc.option(fc.integer({ min: 0, max: 23 })),
    priority: somePriority,
    minimumPriority: somePriority,
    nowMs: fc.integer({ min: 0, max: 400 * dayMs }).map((ms) => now + ms),
    waitedMs: fc.integer({ min: 0, max: 2 * dayMs }),
    livesMs: fc.option(fc.integer({ min: -hourMs, max: dayMs })),
    reason: fc.option(fc.constantFrom(...reasons)),
    holdCount: fc.nat(40),
    group: fc.option(
      fc.record({
        kind: fc.constantFrom("batch" as const, "digest" as const),
        status: fc.constantFrom("open" as const, "full" as const, "closed" as const),
        inMs: fc.integer({ min: -hourMs, max: hourMs }),
      }),
    ),
    types: someTypes,
    policy: somePolicy,
    statedPreferences: somePreferences,
    agoMs: fc.array(fc.integer({ min: 0, max: dayMs }), { maxLength: 30 }),
    ahead: fc.nat(3),
  })
  .map((some): DecisionInput => {
    const { flags, types, policy, statedPreferences, group: its } = some;
    const granted = some.agoMs.toSorted((a, b) => b - a).map((ms) => some.nowMs - ms);
    const [first] = types as [NotificationType];
    return {
      now: some.nowMs,
      recipient: { ...flags, zone: some.zone, bestHour: some.bestHour },
      message: {
        ...flags,
        priority: some.priority,
        channel: "email",
        askedAt: some.nowMs - some.waitedMs,
        occursAt: null,
        expiresAt: some.livesMs === null ? null : some.nowMs + some.livesMs,
      },
      waiting: {
        reason: some.reason,
        holdCount: some.reason === null ? 0 : some.holdCount + 1,
        group: its && { kind: its.kind, status: its.status, closesAt: some.nowMs + its.inMs },
      },
      type: types.length === 3 ? null : first,
      policy,
      preferences: effectivePreferences({
        organisation: policy.preferences,
        type: first.preferences,
        recipient: {
          ...statedPreferences,
          minimumPriority: some.minimumPriority,
          types: flags.off ? { [first.key]: false } : {},
        },
      }),
      statedPreferences,
      grants: { granted, types: granted.map((_, index) => index % 2) },
      ahead: some.ahead,
      load: noLoad,
    };
  });

function rarely(): fc.Arbitrary<boolean> {
  return fc.integer({ min: 0, max: 9 }).map((of) => of === 0);
}

const limitReasons: readonly (Reason | undefined)[] = [
  "recipient_limit",
  "organisation_limit",
  "type_limit",
];

const holdOf = (decision: Decision) => (decision.kind === "hold" ? decision : undefined);

describe("decide, for whatever is wished and known", () => {
  const always = (holds: (facts: DecisionInput, decision: Decision) => void) =>
    fc.assert(
      fc.property(someFacts, (known) => holds(known, decide(known))),
      { numRuns: 500 },
    );

  it("is what the first rule says that says something, and explained by the rules up to it", () => {
    always((known, decision) => {
      const says = rules.map((rule) => rule.evaluate(known));
      const first = says.findIndex((said) => said !== null);
      if (first === -1) expect(decision.kind).toBe("send");
      else expect(decision).toEqual(says[first]);
      const { evaluations } = explain(known);
      expect(evaluations.map(({ rule }) => rule)).toEqual(
        first === -1 ? rules : rules.slice(0, first + 1),
      );
      expect(explain(known).decision).toEqual(decision);
    });
  });

  it("is the same each time, and changes nothing", () => {
    always((known, decision) => {
      const before = structuredClone(known);
      expect(decide(known)).toEqual(decision);
      expect(known).toEqual(before);
    });
  });

  it("never has a message wait to go out with others until it is pointless", () => {
    always(({ message: { askedAt, expiresAt }, type }, decision) => {
      if (decision.kind !== "merge") return;
      const livesMs = (type?.timeToLiveSeconds ?? Number.POSITIVE_INFINITY) * 1_000;
      const { closesAt } = decision.joining;
      expect(closesAt).toBeLessThan(
        Math.min(expiresAt ?? Number.POSITIVE_INFINITY, askedAt + livesMs),
      );
    });
  });

  it("never has the critical wait", () => {
    always(({ message }, decision) => {
      if (message.priority === "critical") expect(["send", "suppress"]).toContain(decision.kind);
    });
  });

  it("never sends within quiet hours but the critical, and what an operator asked for", () => {
    always((known, decision) => {
      if (decision.kind !== "send" || known.message.priority === "critical") return;
      if (known.waiting.reason === "send_requested") return;
      expect(quietUntil(known.preferences, known.recipient.zone, known.now)).toBeNull();
    });
  });

  it("has what waits wait for something to come", () => {
    always(({ now: at }, decision) => {
      if (decision.kind === "hold") expect(decision.until).toBeGreaterThan(at);
      if (decision.kind === "merge") expect(decision.joining.closesAt).toBeGreaterThanOrEqual(at);
    });
  });

  it("sends within every window what there is room for, counted one by one", () => {
    always((known, decision) => {
      const { message, policy, grants, preferences, type: its, waiting } = known;
      if (message.priority === "critical" || message.bypassRateLimit) {
        expect(limitReasons).not.toContain(holdOf(decision)?.reason);
        return;
      }
      if (decision.kind !== "send" || waiting.reason === "send_requested") return;
      const within = (windowMs: number, ofType?: number) =>
        grants.granted.filter(
          (at, index) =>
            at > known.now - windowMs && (ofType === undefined || grants.types[index] === ofType),
        ).length;
      expect(within(minuteMs)).toBeLessThan(policy.limits.perMinute);
      expect(within(hourMs)).toBeLessThan(policy.limits.perHour);
      expect(within(dayMs)).toBeLessThan(policy.limits.perDay);
      if (message.priority !== "high") expect(within(hourMs)).toBeLessThan(preferences.maxPerHour);
      if (its?.limits.perHour !== undefined && waiting.group?.kind !== "digest")
        expect(within(hourMs, its.number)).toBeLessThan(its.limits.perHour);
    });
  });

  it("merges only what is not urgent and has a type", () => {
    always(({ message, type: its }, decision) => {
      if (decision.kind !== "merge") return;
      expect(["normal", "low"]).toContain(message.priority);
      expect(its).not.toBeNull();
      if (decision.into === "batch") expect(message.batchable).toBe(true);
    });
  });
});

describe("an address on the suppression list", () => {
  const mandatory = { ...type, mandatory: true };

  it.each(suppressionReasons)(
    "that is there as %s is not sent to, unless its owner unsubscribed and is owed it",
    (suppression) => {
      const said = (changes: Changes) =>
        told(decide(facts({ recipient: { suppression } }, changes)));
      expect(said({})).toBe("suppress address_suppressed");
      const owed = suppression === "unsubscribed" ? "send" : "suppress address_suppressed";
      expect(said({ message: { priority: "critical" } })).toBe(owed);
      expect(said({ type: mandatory })).toBe(owed);
    },
  );
});

describe("a message that depends on another one's decision", () => {
  it.each(["duplicate", "superseded"] as const)("waits for it before it ends as %s", (flag) => {
    const { decision } = explain(facts({ message: { [flag]: true, undecided: true } }));
    expect(decision).toEqual({ kind: "hold", reason: "decide_again", until: now + 1_500 });
  });
});

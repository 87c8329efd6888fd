import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { noLoad } from "./batching.ts";
import { decide, explain } from "./decide.ts";
import type { Decision, DecisionInput } from "./decision.ts";
import { noGrants } from "./limits.ts";
import { dayMs, hourMs, minuteMs } from "../time/durations.ts";
import type { NotificationType } from "./notification-type.ts";
import { defaultPolicy } from "./policy.ts";
import {
  somePolicy,
  somePriority,
  someTypes,
  somePreferences,
  someZone,
  createType,
} from "./policy.testing.ts";
import { type EffectivePreferences, effectivePreferences } from "./preferences.ts";
import { quietUntil } from "./quiet-hours.ts";
import { rules } from "./rules.ts";
import { type Reason, reasons } from "../delivery/reasons.ts";
import { suppressionReasons } from "../suppression.ts";

/** A Wednesday. */
const now = Date.parse("2026-06-10T12:00:00Z");

const merging = { batchable: true, digestable: true };
const type = createType(1, merging);

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

/** The input for a message that is sent at once, changed by `changes`. */
function buildInput(...changes: readonly Changes[]): DecisionInput {
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
      stage: null,
      topic: null,
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

/** A decision in short, for example "hold quiet_hours". */
function summarize(decision: Decision): string {
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
const wednesday = [{ weekday: "wednesday" as const, start: "00:00", end: "24:00" }];
const daily = { mode: "daily", time: "08:00", weekday: "monday" } as const;
const batching = { enabled: true, maximumSize: 5, windowMinutes: 30 };
const group = { kind: "batch", status: "open", closesAt: now } as const;

/** For each rule, an input to which it applies, and its decision. */
const cases: Record<string, [Changes, string]> = {
  erased: [{ recipient: { erased: true } }, "suppress recipient_erased"],
  suppressed: [{ recipient: { suppression: "bounced" } }, "suppress address_suppressed"],
  address: [{ recipient: { hasAddress: false } }, "suppress no_address"],
  expired: [{ message: { expiresAt: now } }, "suppress expired"],
  already_reached: [
    {
      message: {
        stage: {
          minutes: 5,
          unless: "read",
          earlier: [{ number: 0, reached: "acted", dueAt: null }],
        },
      },
    },
    "suppress already_reached",
  ],
  critical: [{ message: { priority: "critical" } }, "send"],
  topic: [{ message: { topic: { key: "news", isSubscribed: false } } }, "suppress not_subscribed"],
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
  non_interrupting_channel: [{ message: { channel: "in_app" } }, "send"],
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

const names = Object.keys(cases);

describe("the order of precedence", () => {
  it("is the published one", () => {
    expect(rules.map(({ name }) => name)).toEqual([
      "erased",
      "suppressed",
      "address",
      "expired",
      "already_reached",
      "critical",
      "topic",
      "switched_off",
      "minimum_priority",
      "duplicate",
      "superseded",
      "requested",
      "quiet_hours",
      "digest",
      "batching",
      "non_interrupting_channel",
      "limits",
      "smoothed_release",
      "best_hour",
    ]);
    expect(names).toEqual(rules.map(({ name }) => name));
  });

  it("lets in-app messages pass quiet hours, but not digests and batches", () => {
    const inApp: Changes = { message: { channel: "in_app" } };
    const quiet: Changes = { preferences: { quietHours: allDay } };
    expect(summarize(decide(buildInput(quiet, inApp)))).toBe("send");
    expect(summarize(decide(buildInput(quiet, { preferences: { digest: daily } }, inApp)))).toBe(
      "merge digest",
    );
  });

  it("holds a later stage while an earlier one is still to be sent, and lets it join no group", () => {
    const stage = { minutes: 5, unless: "read" } as const;
    const earlier = { number: 0, reached: null, dueAt: now + 60_000 };
    const waiting = buildInput({ message: { stage: { ...stage, earlier: [earlier] } } });
    expect(decide(waiting)).toEqual({
      kind: "hold",
      reason: "earlier_stage",
      until: now + 360_000,
    });
    const seen = { number: 0, reached: "seen", dueAt: null } as const;
    const due: Changes = { message: { stage: { ...stage, earlier: [seen] } } };
    for (const joins of [{ digest: daily }, { batching }])
      expect(summarize(decide(buildInput({ preferences: joins }, due)))).toBe("send");
  });

  it("sends a message to which no rule applies", () => {
    expect(summarize(decide(buildInput()))).toBe("send");
  });

  it.each(names)("lets %s decide if it alone applies", (name) => {
    const [changes, expected] = cases[name]!;
    const { decision, evaluations } = explain(buildInput(changes));
    expect([evaluations.at(-1)!.rule.name, summarize(decision)]).toEqual([name, expected]);
  });

  const pairs = names
    .flatMap((first, index) => names.slice(index + 1).map((second) => [first, second] as const))
    // In-app messages have no quiet hours.
    .filter((pair) => pair.join() !== "quiet_hours,non_interrupting_channel");

  it.each(pairs)("lets %s decide before %s", (first, second) => {
    const [changes, expected] = cases[first]!;
    const { decision, evaluations } = explain(buildInput(cases[second]![0], changes));
    expect([evaluations.at(-1)!.rule.name, summarize(decision)]).toEqual([first, expected]);
  });
});

describe("decide", () => {
  const high: Changes = { message: { priority: "high" } };
  const low: Changes = { message: { priority: "low" } };
  const mandatory: Changes = { type: createType(1, { ...merging, mandatory: true }) };
  const untyped: Changes = { type: null };
  const bypassing: Changes = { message: { bypassRateLimit: true } };
  const limited: Changes = { preferences: { maxPerHour: 1 }, ...grantedAgo(1_000) };
  const typeLimit: Changes = {
    type: createType(1, { limits: { perHour: 1 } }),
    grants: { granted: [now - 1_000], types: [1] },
  };
  const of = (name: string) => cases[name]![0];

  it.each<[string, Changes[], string]>([
    [
      "sends a message of a topic to its subscribers",
      [{ message: { topic: { key: "news", isSubscribed: true } } }],
      "send",
    ],
    ["sends a mandatory message without a subscription", [mandatory, of("topic")], "send"],
    ["holds a high message in quiet hours", [high, of("quiet_hours")], "hold quiet_hours"],
    ["never puts a high message into a digest", [high, of("digest")], "send"],
    ["never batches a high message", [high, of("batching")], "send"],
    ["lets a high message pass the recipient's own limit", [high, limited], "send"],
    [
      "holds a high message for the organisation's limit",
      [high, of("limits")],
      "hold organisation_limit",
    ],
    ["holds a high message for its type's limit", [high, typeLimit], "hold type_limit"],
    ["never lets a high message wait for the best hour", [high, of("best_hour")], "send"],
    ["holds a message beyond the recipient's own limit", [limited], "hold recipient_limit"],
    [
      "holds a message beyond the organisation's burst limit",
      [{ limits: { burst: { messages: 2, seconds: 10 } } }, grantedAgo(9_999, 5_000)],
      "hold organisation_limit",
    ],
    [
      "sends a message whose burst window has room again",
      [{ limits: { burst: { messages: 2, seconds: 10 } } }, grantedAgo(10_000, 5_000)],
      "send",
    ],
    [
      "holds a message beyond its type's burst limit",
      [
        { type: createType(1, { limits: { burst: { messages: 1, seconds: 10 } } }) },
        { grants: { granted: [now - 1_000], types: [1] } },
      ],
      "hold type_limit",
    ],
    [
      "sends a message whose type's burst limit other types have reached",
      [
        { type: createType(1, { limits: { burst: { messages: 1, seconds: 10 } } }) },
        grantedAgo(1_000),
      ],
      "send",
    ],
    ["counts only messages of a type towards its limit", [typeLimit, grantedAgo(1_000)], "send"],
    ["puts a low message into a digest", [low, of("digest")], "merge digest"],
    [
      "sends a mandatory message whose type is switched off",
      [mandatory, of("switched_off")],
      "send",
    ],
    [
      "sends a mandatory message whose channel is switched off",
      [
        mandatory,
        { preferences: { channels: { ...defaultPolicy.preferences.channels, email: false } } },
      ],
      "send",
    ],
    [
      "sends a mandatory message below the minimum priority",
      [mandatory, of("minimum_priority")],
      "send",
    ],
    [
      "holds a mandatory message in quiet hours",
      [mandatory, of("quiet_hours")],
      "hold quiet_hours",
    ],
    [
      "sends a message in quiet hours that are switched off",
      [of("quiet_hours"), { preferences: { quietHoursEnabled: false } }],
      "send",
    ],
    [
      "holds a message in do-not-disturb when only quiet hours are switched off",
      [of("quiet_hours"), { preferences: { quietHoursEnabled: false, doNotDisturb: wednesday } }],
      "hold do_not_disturb",
    ],
    [
      "sends a message in do-not-disturb that is switched off",
      [{ preferences: { doNotDisturbEnabled: false, doNotDisturb: wednesday } }],
      "send",
    ],
    ["holds a mandatory message for a limit", [mandatory, limited], "hold recipient_limit"],
    [
      "suppresses a mandatory message that is a duplicate",
      [mandatory, of("duplicate")],
      "suppress duplicate",
    ],
    ["lets bypassRateLimit pass every limit", [bypassing, of("limits"), limited], "send"],
    ["lets bypassRateLimit pass the smoothed release", [bypassing, of("smoothed_release")], "send"],
    [
      "holds a message with bypassRateLimit in quiet hours",
      [bypassing, of("quiet_hours")],
      "hold quiet_hours",
    ],
    ["never puts a message without a type into a digest", [untyped, of("digest")], "send"],
    ["never batches a message without a type", [untyped, of("batching")], "send"],
    [
      "does not batch a message that asks not to be batched",
      [of("batching"), { message: { batchable: false } }],
      "send",
    ],
    [
      "does not batch a type that is not batchable",
      [of("batching"), { type: createType(1, { digestable: true }) }],
      "send",
    ],
    [
      "batches a message whose type is not digestable",
      [of("batching"), of("digest"), { type: createType(1, { batchable: true }) }],
      "merge batch",
    ],
    [
      "suppresses a message whose type is switched off on its channel",
      [{ preferences: { types: { [type.key]: { email: false } } } }],
      "suppress channel_off",
    ],
    [
      "sends a message whose type is switched off on another channel",
      [{ preferences: { types: { [type.key]: { push: false } } } }],
      "send",
    ],
    [
      "suppresses a message on a channel that its type does not allow",
      [{ type: createType(1, { channels: ["push"] }) }],
      "suppress channel_off",
    ],
    [
      "sends a batch whose window has ended",
      [of("batching"), { waiting: { reason: "batch", holdCount: 1, group } }],
      "send",
    ],
    [
      "sends a batch that is full",
      [
        of("batching"),
        { waiting: { reason: "batch", group: { ...group, status: "full", closesAt: now + 1 } } },
      ],
      "send",
    ],
    [
      "holds a batch for a limit",
      [of("batching"), limited, { waiting: { reason: "batch", holdCount: 1, group } }],
      "hold recipient_limit",
    ],
    [
      "sends a digest at its time",
      [
        of("digest"),
        of("batching"),
        { waiting: { reason: "digest", holdCount: 1, group: { ...group, kind: "digest" } } },
      ],
      "send",
    ],
    [
      "does not hold a message twice for the best hour",
      [of("best_hour"), { waiting: { reason: "best_hour", holdCount: 1 } }],
      "send",
    ],
    [
      "does not hold a message for the best hour longer than the policy allows",
      [of("best_hour"), { recipient: { bestHour: 17 } }],
      "send",
    ],
    [
      "lets a type's time to live expire a message before its own time",
      [
        {
          type: createType(1, { timeToLiveSeconds: 60 }),
          message: { askedAt: now - minuteMs, expiresAt: now + dayMs },
        },
      ],
      "suppress expired",
    ],
    [
      "lets a message expire before its type's time to live",
      [
        {
          type: createType(1, { timeToLiveSeconds: 86_400 }),
          message: { askedAt: now - minuteMs, expiresAt: now },
        },
      ],
      "suppress expired",
    ],
    [
      "batches a message that expires before its digest",
      [of("digest"), of("batching"), { message: { expiresAt: now + 2 * hourMs } }],
      "merge batch",
    ],
    [
      "sends a message at once that expires before its batch closes",
      [of("batching"), { message: { expiresAt: now + minuteMs } }],
      "send",
    ],
    [
      "sends a message at once that expires before the best hour",
      [of("best_hour"), { message: { expiresAt: now + minuteMs } }],
      "send",
    ],
    ["sends a message that has not expired yet", [{ message: { expiresAt: now + 1 } }], "send"],
  ])("%s", (_, changes, expected) => {
    expect(summarize(decide(buildInput(...changes)))).toBe(expected);
  });

  it("starts a batch's window when its first message was to go out, so that a wait does not make it longer", () => {
    const joinRequest = (askedAt: number) => {
      const decision = decide(buildInput(of("batching"), { message: { askedAt } }));
      return decision.kind === "merge" ? decision.joinRequest.closesAt - now : null;
    };
    expect(joinRequest(now)).toBe(30 * minuteMs);
    expect(joinRequest(now - 10 * minuteMs)).toBe(20 * minuteMs);
    expect(joinRequest(now - dayMs)).toBe(0);
  });

  it("holds for a limit until there is room, and checks less often after each hold", () => {
    const limitedAgain = { preferences: { maxPerHour: 1 }, ...grantedAgo(hourMs - 1_000) };
    const waits = (holdCount: number) => {
      const waiting = { reason: "recipient_limit", holdCount } as const;
      const decision = decide(buildInput(limitedAgain, holdCount > 0 ? { waiting } : {}));
      return decision.kind === "hold" ? decision.until - now : null;
    };
    expect([0, 1, 2, 3, 6, 7, 30].map(waits)).toEqual([
      1_000, 5_000, 10_000, 20_000, 160_000, 300_000, 300_000,
    ]);
    const free = decide(buildInput({ waiting: { reason: "recipient_limit", holdCount: 9 } }));
    expect(free.kind).toBe("send");
  });

  it("releases messages that were held back one after the other", () => {
    const back: Changes = { waiting: { reason: "do_not_disturb", holdCount: 1 } };
    const until = (...changes: Changes[]) => {
      const decision = decide(buildInput(back, ...changes));
      return decision.kind === "hold" ? decision.until - now : decision.kind;
    };
    expect(until()).toBe("send");
    expect(until({ ahead: 2 })).toBe(2 * minuteMs);
    expect(until(grantedAgo(20_000))).toBe(40_000);
    expect(until(grantedAgo(minuteMs))).toBe("send");
  });
});

const someInput: fc.Arbitrary<DecisionInput> = fc
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
      hasLeftTopic: rarely(),
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
    const { flags, types, policy, statedPreferences, group: someGroup } = some;
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
        stage: null,
        topic: flags.hasLeftTopic ? { key: "news", isSubscribed: false } : null,
        expiresAt: some.livesMs === null ? null : some.nowMs + some.livesMs,
      },
      waiting: {
        reason: some.reason,
        holdCount: some.reason === null ? 0 : some.holdCount + 1,
        group: someGroup && {
          kind: someGroup.kind,
          status: someGroup.status,
          closesAt: some.nowMs + someGroup.inMs,
        },
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

describe("decide, for any preferences and facts", () => {
  const always = (holds: (facts: DecisionInput, decision: Decision) => void) =>
    fc.assert(
      fc.property(someInput, (known) => holds(known, decide(known))),
      { numRuns: 500 },
    );

  it("is the decision of the first rule that applies, explained by the rules up to it", () => {
    always((known, decision) => {
      const decisions = rules.map((rule) => rule.evaluate(known));
      const first = decisions.findIndex((each) => each !== null);
      if (first === -1) expect(decision.kind).toBe("send");
      else expect(decision).toEqual(decisions[first]);
      const { evaluations } = explain(known);
      expect(evaluations.map(({ rule }) => rule)).toEqual(
        first === -1 ? rules : rules.slice(0, first + 1),
      );
      expect(explain(known).decision).toEqual(decision);
    });
  });

  it("is the same each time, and does not change its input", () => {
    always((known, decision) => {
      const before = structuredClone(known);
      expect(decide(known)).toEqual(decision);
      expect(known).toEqual(before);
    });
  });

  it("never lets a message wait for its group until it has expired", () => {
    always(({ message: { askedAt, expiresAt }, type }, decision) => {
      if (decision.kind !== "merge") return;
      const livesMs = (type?.timeToLiveSeconds ?? Number.POSITIVE_INFINITY) * 1_000;
      const { closesAt } = decision.joinRequest;
      expect(closesAt).toBeLessThan(
        Math.min(expiresAt ?? Number.POSITIVE_INFINITY, askedAt + livesMs),
      );
    });
  });

  it("never holds a critical message", () => {
    always(({ message }, decision) => {
      if (message.priority === "critical") expect(["send", "suppress"]).toContain(decision.kind);
    });
  });

  it("sends in quiet hours only critical messages and those that an operator asked to send", () => {
    always((known, decision) => {
      if (decision.kind !== "send" || known.message.priority === "critical") return;
      if (known.waiting.reason === "send_requested") return;
      expect(quietUntil(known.preferences, known.recipient.zone, known.now)).toBeNull();
    });
  });

  it("holds a message until a later time", () => {
    always(({ now: at }, decision) => {
      if (decision.kind === "hold") expect(decision.until).toBeGreaterThan(at);
      if (decision.kind === "merge")
        expect(decision.joinRequest.closesAt).toBeGreaterThanOrEqual(at);
    });
  });

  it("sends a message only if every window has room, counted grant by grant", () => {
    always((known, decision) => {
      const { message, policy, grants, preferences, type: messageType, waiting } = known;
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
      const { burst } = policy.limits;
      if (burst) expect(within(burst.seconds * 1_000)).toBeLessThan(burst.messages);
      if (message.priority !== "high") expect(within(hourMs)).toBeLessThan(preferences.maxPerHour);
      if (messageType?.limits.perHour !== undefined && waiting.group?.kind !== "digest")
        expect(within(hourMs, messageType.number)).toBeLessThan(messageType.limits.perHour);
      const typeBurst = messageType?.limits.burst;
      if (typeBurst && waiting.group?.kind !== "digest")
        expect(within(typeBurst.seconds * 1_000, messageType.number)).toBeLessThan(
          typeBurst.messages,
        );
    });
  });

  it("merges only normal and low messages that have a type", () => {
    always(({ message, type: messageType }, decision) => {
      if (decision.kind !== "merge") return;
      expect(["normal", "low"]).toContain(message.priority);
      expect(messageType).not.toBeNull();
      if (decision.into === "batch") expect(message.batchable).toBe(true);
    });
  });
});

describe("the explanation of quiet hours", () => {
  it.each([
    [{}, []],
    [{ quietHoursEnabled: false }, ["quiet_hours"]],
    [{ doNotDisturbEnabled: false }, ["do_not_disturb"]],
    [{ quietHoursEnabled: false, doNotDisturbEnabled: false }, ["quiet_hours", "do_not_disturb"]],
  ])("names the quiet periods that are switched off: %j", (preferences, switchedOff) => {
    const { evaluations } = explain(buildInput({ preferences }));
    const evaluation = evaluations.find(({ rule }) => rule.name === "quiet_hours");
    expect(evaluation?.inputs).toEqual({ zone: "UTC", channel: "email", switchedOff });
  });
});

describe("an address on the suppression list", () => {
  const mandatory = { ...type, mandatory: true };

  it.each(suppressionReasons)(
    "that is there as %s receives nothing, except critical and mandatory messages if its owner unsubscribed",
    (suppression) => {
      const outcome = (changes: Changes) =>
        summarize(decide(buildInput({ recipient: { suppression } }, changes)));
      expect(outcome({})).toBe("suppress address_suppressed");
      const owed = suppression === "unsubscribed" ? "send" : "suppress address_suppressed";
      expect(outcome({ message: { priority: "critical" } })).toBe(owed);
      expect(outcome({ type: mandatory })).toBe(owed);
    },
  );
});

describe("a message that depends on an undecided one", () => {
  it.each(["duplicate", "superseded"] as const)("is held before it ends as %s", (flag) => {
    const { decision } = explain(buildInput({ message: { [flag]: true, undecided: true } }));
    expect(decision).toEqual({ kind: "hold", reason: "decide_again", until: now + 1_500 });
  });
});

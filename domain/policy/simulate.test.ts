import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nextDigestAt } from "./digest-instants.ts";
import { type LimitSettings, noGrants } from "./limits.ts";
import { dayMs, hourMs, minuteMs } from "../time/durations.ts";
import { localTimeAt } from "../time/local-time.ts";
import { defaultPolicy } from "./policy.ts";
import {
  somePolicy,
  somePriority,
  someTypes,
  somePreferences,
  someZone,
  createType,
} from "./policy.testing.ts";
import { effectivePreferences, type Preferences, preferences } from "./preferences.ts";
import { quietUntil } from "./quiet-hours.ts";
import { simulate } from "./simulate.ts";
import type { RequestedMessage, SimulatedOutcome, Simulation } from "./simulate-types.ts";

/** A Monday; clocks change in Berlin, New York and on Lord Howe within the weeks around it. */
const start = Date.parse("2026-10-26T00:00:00Z");
const horizon = start + 40 * dayMs;

const nobody: Simulation["recipient"] = {
  erased: false,
  email: "ada@example.org",
  phone: null,
  addressChannels: [],
  timeZone: "UTC",
  preferences: null,
  engagedHours: [],
  suppression: null,
  grants: noGrants,
};

const plain: Omit<RequestedMessage, "id" | "notificationId" | "createdAt" | "askedAt"> = {
  withoutRepeats: false,
  type: null,
  priority: "normal",
  channel: "email",
  occursAt: null,
  expiresAt: null,
  batchable: true,
  bypassRateLimit: false,
  dedupKey: null,
  repeats: null,
  superseded: false,
  topic: null,
  collapseKey: null,
  waiting: null,
};

/** Ids of notifications sort in the order of creation. */
const idsOf = (index: number) => ({
  id: String(index),
  notificationId: String(index).padStart(6, "0"),
});

const askedAtMinutes = (
  minutes: readonly number[],
  more: Partial<RequestedMessage> = {},
): RequestedMessage[] =>
  minutes.map((minute, index) => ({
    ...plain,
    ...more,
    ...idsOf(index),
    createdAt: start + minute * minuteMs,
    askedAt: start + minute * minuteMs,
  }));

function simulated(
  requests: RequestedMessage[],
  { statedPreferences, ...more }: { statedPreferences?: Preferences } & Partial<Simulation> = {},
): SimulatedOutcome[] {
  return simulate({
    recipient: { ...nobody, preferences: statedPreferences ?? null },
    policy: defaultPolicy,
    until: horizon,
    requests,
    ...more,
  });
}

/** The messages that were sent: when, and the ids of their members. */
function messages(of: readonly SimulatedOutcome[]): { at: string; ids: string[] }[] {
  const sent = new Map<string, { at: number; ids: string[] }>();
  for (const { outcome, at, message, request } of of) {
    if (outcome !== "sent") continue;
    const entry = sent.get(message!) ?? { at, ids: [] };
    expect(entry.at).toBe(at);
    entry.ids.push(request.id);
    sent.set(message!, entry);
  }
  return [...sent.values()]
    .sort((a, b) => a.at - b.at)
    .map(({ at, ids }) => ({ at: new Date(at).toISOString().slice(5, 16), ids }));
}

const batched = createType(1, { batchable: true, digestable: true });

describe("simulate", () => {
  it("sends a batch when it is full, and the next one when its window ends", () => {
    const of = simulated(askedAtMinutes([0, 1, 2, 3, 4, 5, 9], { type: batched }));
    expect(messages(of)).toEqual([
      { at: "10-26T00:04", ids: ["0", "1", "2", "3", "4"] },
      { at: "10-26T00:35", ids: ["5", "6"] },
    ]);
    expect(of[6]!.waits).toEqual([
      { reason: "batch", from: start + 9 * minuteMs, until: start + 35 * minuteMs },
    ]);
  });

  it("sends a batch when the next message is about a time too far from those of its members", () => {
    const spread = createType(1, { batchable: true, spreadMinutes: 5 });
    const requests = askedAtMinutes([0, 1, 2], { type: spread }).map((one, index) => ({
      ...one,
      occursAt: start + dayMs + [0, 4, 6][index]! * minuteMs,
    }));
    expect(messages(simulated(requests))).toEqual([
      { at: "10-26T00:02", ids: ["0", "1"] },
      { at: "10-26T00:32", ids: ["2"] },
    ]);
  });

  it("collects the messages of a day in the daily digest, and sends urgent ones at once", () => {
    const statedPreferences = preferences.parse({ digest: { mode: "daily", time: "08:00" } });
    const requests = askedAtMinutes([60, 120, 8 * 60, 8 * 60 + 1], { type: batched });
    requests[1]!.priority = "high";
    expect(messages(simulated(requests, { statedPreferences }))).toEqual([
      { at: "10-26T02:00", ids: ["1"] },
      { at: "10-26T08:00", ids: ["0", "2"] },
      { at: "10-27T08:00", ids: ["3"] },
    ]);
  });

  it("releases messages one after the other when quiet hours end, and sends critical ones during them", () => {
    const statedPreferences = preferences.parse({ quietHours: [{ start: "22:00", end: "07:00" }] });
    const requests = askedAtMinutes([60, 61, 62, 63]);
    requests[3]!.priority = "critical";
    expect(messages(simulated(requests, { statedPreferences }))).toEqual([
      { at: "10-26T01:03", ids: ["3"] },
      { at: "10-26T07:00", ids: ["0"] },
      { at: "10-26T07:01", ids: ["1"] },
      { at: "10-26T07:02", ids: ["2"] },
    ]);
  });

  it("ends if a message was granted after the instant from which it begins", () => {
    const grants = { granted: [start + 5], types: [0] };
    const [outcome] = simulated(askedAtMinutes([0]), {
      recipient: { ...nobody, grants },
      from: start,
      until: start,
    });
    expect(outcome).toMatchObject({ outcome: "sent", at: start + 5 });
  });

  it("holds messages beyond the recipient's own limit, and counts earlier grants", () => {
    const statedPreferences = preferences.parse({ maxPerHour: 2 });
    const grants = { granted: [start - 30 * minuteMs], types: [0] };
    const of = simulated(askedAtMinutes([0, 1, 2]), {
      recipient: { ...nobody, preferences: statedPreferences, grants },
    });
    expect(messages(of)).toEqual([
      { at: "10-26T00:00", ids: ["0"] },
      { at: "10-26T00:30", ids: ["1"] },
      { at: "10-26T01:00", ids: ["2"] },
    ]);
    expect(of[2]!.waits[0]!.reason).toBe("recipient_limit");
  });

  it("counts in-app messages towards no limit", () => {
    const inApp = askedAtMinutes([0, 0], { channel: "in_app" });
    const [email] = askedAtMinutes([0]);
    const outcomes = simulated([...inApp, { ...email!, ...idsOf(2) }], {
      statedPreferences: { maxPerHour: 1 },
    });
    expect(outcomes.map(({ outcome, at }) => [outcome, at])).toEqual([
      ["sent", start],
      ["sent", start],
      ["sent", start],
    ]);
  });

  it("holds messages beyond the burst limit until the window has room", () => {
    const policy = {
      ...defaultPolicy,
      limits: { ...defaultPolicy.limits, burst: { messages: 2, seconds: 300 } },
    };
    const outcomes = simulated(askedAtMinutes([0, 1, 2, 3, 4]), { policy });
    expect(messages(outcomes).map(({ at }) => at)).toEqual([
      "10-26T00:00",
      "10-26T00:01",
      "10-26T00:05",
      "10-26T00:06",
      "10-26T00:10",
    ]);
    expect(outcomes[2]!.waits[0]!.reason).toBe("organisation_limit");
  });

  it("sends a repeated message once, and the newest of those with one collapse key", () => {
    const twice = simulated(askedAtMinutes([0, 4, 8, 14], { dedupKey: "door" }));
    expect(twice.map(({ outcome, reason }) => reason ?? outcome)).toEqual([
      "sent",
      "duplicate",
      "duplicate",
      "sent",
    ]);
    const statedPreferences = preferences.parse({ quietHours: [{ start: "00:00", end: "07:00" }] });
    const newest = simulated(askedAtMinutes([1, 2, 3], { collapseKey: "score" }), {
      statedPreferences,
    });
    expect(newest.map(({ outcome, reason }) => reason ?? outcome)).toEqual([
      "superseded",
      "superseded",
      "sent",
    ]);
  });

  it("sends no older message with a collapse key after a newer one", () => {
    const statedPreferences = preferences.parse({ quietHours: [{ start: "00:00", end: "07:00" }] });
    const [older, newer] = askedAtMinutes([1, 2], { collapseKey: "score" });
    const of = simulated([older!, { ...newer!, priority: "critical" }], { statedPreferences });
    expect(
      of.map(({ outcome, reason, at }) => [reason ?? outcome, (at - start) / minuteMs]),
    ).toEqual([
      ["superseded", 7 * 60],
      ["sent", 2],
    ]);
    const [sentBefore] = simulated([{ ...older!, superseded: true }], { statedPreferences });
    expect(sentBefore).toMatchObject({ outcome: "suppressed", reason: "superseded" });
  });

  it("begins with the messages that wait already and with the open groups", () => {
    const waiting = { dueAt: start + 10 * minuteMs, reason: "batch" as const, holdCount: 1 };
    const begun = (spreadMinutes: number | null) => {
      const type = createType(1, { batchable: true, spreadMinutes });
      const [first, second] = askedAtMinutes([-20, 0], { type });
      const group = {
        id: "g",
        kind: "batch" as const,
        status: "open" as const,
        closesAt: start + 10 * minuteMs,
        memberCount: 1,
        maximumSize: 5,
        firstOccursAt: first!.askedAt,
        lastOccursAt: first!.askedAt,
      };
      return simulated([{ ...first!, waiting: { ...waiting, group: "g" } }, second!], {
        groups: [group],
      });
    };
    expect(messages(begun(null))).toEqual([{ at: "10-26T00:10", ids: ["0", "1"] }]);
    expect(messages(begun(5))).toEqual([
      { at: "10-26T00:00", ids: ["0"] },
      { at: "10-26T00:30", ids: ["1"] },
    ]);
  });

  it("reports a message that has not ended by the end as waiting", () => {
    const statedPreferences = preferences.parse({ quietHours: [{ start: "00:00", end: "24:00" }] });
    const [outcome] = simulated(askedAtMinutes([0]), { statedPreferences, until: start + dayMs });
    expect(outcome).toMatchObject({ outcome: "waiting", reason: "quiet_hours", message: null });
    expect(outcome!.at).toBeGreaterThan(start + dayMs);
  });
});

interface World extends Simulation {
  statedPreferences: Preferences;
}

/** Bursts of messages within three days to a recipient with preferences. */
const worlds = (priority = somePriority): fc.Arbitrary<World> =>
  fc
    .record({
      statedPreferences: somePreferences,
      types: someTypes,
      policy: somePolicy,
      timeZone: someZone,
      engagedHours: fc.constantFrom(
        [],
        Array.from({ length: 24 }, (_, hour) => hour),
      ),
      bursts: fc.array(
        fc.record({
          minute: fc.integer({ min: 0, max: 3 * 1_440 }),
          seconds: fc.array(fc.integer({ min: 0, max: 1_200 }), { minLength: 1, maxLength: 8 }),
          type: fc.nat(3),
          priority,
          batchable: fc.boolean(),
          dedupKey: fc.option(fc.constantFrom("a", "b")),
          collapseKey: fc.option(fc.constantFrom("c", "d"), { freq: 8 }),
        }),
        { minLength: 1, maxLength: 12 },
      ),
    })
    .map(({ statedPreferences, types, policy, timeZone, engagedHours, bursts }) => ({
      statedPreferences,
      policy,
      until: horizon,
      recipient: { ...nobody, timeZone, engagedHours, preferences: statedPreferences },
      requests: bursts
        .flatMap(({ minute, seconds, type, ...more }) =>
          seconds.map((second) => {
            const askedAt = start + minute * minuteMs + second * 1_000;
            return { ...plain, ...more, type: types[type] ?? null, createdAt: askedAt, askedAt };
          }),
        )
        .sort((a, b) => a.askedAt - b.askedAt)
        .map((one, index) => ({ ...one, ...idsOf(index) })),
    }));

const preferencesOf = ({ policy, statedPreferences }: World, { type }: RequestedMessage) =>
  effectivePreferences({
    organisation: policy.preferences,
    type: type?.preferences ?? null,
    recipient: statedPreferences,
  });

/** The instants at which the messages with at least one matching member were sent, once for each message. */
const instantsOf = (
  of: readonly SimulatedOutcome[],
  matches: (outcome: SimulatedOutcome) => boolean,
) => [
  ...new Map(
    of
      .filter((outcome) => outcome.outcome === "sent" && matches(outcome))
      .map((f) => [f.message, f.at]),
  ).values(),
];

function expectAtMost(instants: number[], limit: number | undefined, windowMs: number) {
  if (limit === undefined) return;
  const sorted = instants.toSorted((a, b) => a - b);
  for (let index = limit; index < sorted.length; index++)
    expect(sorted[index]! - sorted[index - limit]!).toBeGreaterThanOrEqual(windowMs);
}

function expectWithin(instants: number[], limits: LimitSettings) {
  expectAtMost(instants, limits.perMinute, minuteMs);
  expectAtMost(instants, limits.perHour, hourMs);
  expectAtMost(instants, limits.perDay, dayMs);
  if (limits.burst) expectAtMost(instants, limits.burst.messages, limits.burst.seconds * 1_000);
}

describe("simulate, for any preferences and requests", () => {
  it("loses nothing: each message is sent once, suppressed, or waits until a later time", () => {
    fc.assert(
      fc.property(worlds(), (world) => {
        const of = simulate(world);
        expect(of.map(({ request }) => request.id)).toEqual(world.requests.map(({ id }) => id));
        for (const { outcome, at, reason, message, request } of of) {
          expect(at).toBeGreaterThanOrEqual(request.askedAt);
          expect(message !== null).toBe(outcome === "sent");
          expect(reason === null).toBe(outcome === "sent");
          if (outcome === "waiting") expect(at).toBeGreaterThan(world.until);
        }
      }),
    );
  });

  it("sends only critical messages in quiet hours and do-not-disturb", () => {
    fc.assert(
      fc.property(worlds(), (world) => {
        for (const { outcome, at, request } of simulate(world)) {
          if (outcome !== "sent" || request.priority === "critical") continue;
          const { timeZone } = world.recipient;
          expect(quietUntil(preferencesOf(world, request), timeZone, at)).toBeNull();
        }
      }),
    );
  });

  it("sends critical messages at once", () => {
    fc.assert(
      fc.property(worlds(), (world) => {
        for (const { outcome, at, request } of simulate(world)) {
          if (request.priority !== "critical") continue;
          expect([outcome, at]).toEqual(["sent", request.askedAt]);
        }
      }),
    );
  });

  it("never exceeds a limit in any window", () => {
    fc.assert(
      fc.property(worlds(fc.constantFrom("high", "normal", "low")), (world) => {
        const of = simulate(world);
        expectWithin(
          instantsOf(of, () => true),
          world.policy.limits,
        );
        expectAtMost(
          instantsOf(of, ({ request }) => request.priority !== "high"),
          preferencesOf(world, plain as RequestedMessage).maxPerHour,
          hourMs,
        );
        // A digest has no type.
        const digests = new Set(
          of
            .filter(({ waits }) => waits.some(({ reason }) => reason === "digest"))
            .map(({ message }) => message),
        );
        for (const type of new Set(world.requests.map(({ type }) => type)))
          if (type)
            expectWithin(
              instantsOf(
                of,
                ({ request, message }) => request.type === type && !digests.has(message),
              ),
              type.limits,
            );
      }),
    );
  });

  it("sends at most one daily digest for each local day, at its time if nothing else holds it", () => {
    const daily = { batchable: false, digestable: true };
    fc.assert(
      fc.property(worlds(fc.constantFrom("normal", "low")), (world) => {
        const { timeZone } = world.recipient;
        const digest = { mode: "daily", time: "08:00", weekday: "monday" } as const;
        const statedPreferences: Preferences = { digest, maxPerHour: 1_000 };
        const requests = world.requests.map((one) => ({
          ...one,
          type: createType(1, daily),
          dedupKey: null,
          collapseKey: null,
        }));
        const of = simulate({
          ...world,
          requests,
          policy: defaultPolicy,
          recipient: { ...world.recipient, preferences: statedPreferences },
        });
        const instants = instantsOf(of, () => true);
        const days = instants.map((at) => localTimeAt(timeZone, at).day);
        expect(new Set(days).size).toBe(days.length);
        // A message that is requested exactly at the time of a digest may still be in it.
        for (const { at, request: one } of of)
          expect([
            nextDigestAt(digest, timeZone, one.askedAt - 1),
            nextDigestAt(digest, timeZone, one.askedAt),
          ]).toContain(at);
      }),
    );
  });

  it("never makes a batch larger, or its members wait longer, than the recipient prefers", () => {
    fc.assert(
      fc.property(worlds(), (world) => {
        const of = simulate(world);
        const sizes = new Map<string, number>();
        for (const { message, request, waits } of of) {
          const { batching } = preferencesOf(world, request);
          const windowMs = batching.windowMinutes * minuteMs;
          for (const { reason, from, until } of waits)
            if (reason === "batch") expect(until - from).toBeLessThanOrEqual(windowMs);
          if (waits.some(({ reason }) => reason === "digest") || message === null) continue;
          const size = (sizes.get(message) ?? 0) + 1;
          sizes.set(message, size);
          expect(size).toBeLessThanOrEqual(batching.enabled ? batching.maximumSize : 1);
        }
      }),
    );
  });
});

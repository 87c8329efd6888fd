import { noLoad } from "../domain/policy/batching.ts";
import { decide } from "../domain/policy/decide.ts";
import { buildDecisionInput } from "../domain/policy/decision-input.ts";
import { type NotificationType, typeDefinition } from "../domain/policy/notification-type.ts";
import { defaultPolicy } from "../domain/policy/policy.ts";
import type { Preferences } from "../domain/policy/preferences.ts";
import { priorities } from "../domain/priority.ts";
import { createRandom } from "./random.ts";

const distinct = 20_000;
const rounds = 10;
const at = Date.UTC(2027, 2, 1, 9);

const zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Sydney"];
const preferences: (Preferences | null)[] = [
  null,
  { quietHours: [{ start: "22:00", end: "07:00" }] },
  { digest: { mode: "daily", time: "08:00" }, maxPerHour: 5 },
  {
    batching: { maximumSize: 8, windowMinutes: 60 },
    doNotDisturb: [{ weekday: "monday", start: "08:00", end: "12:00" }],
  },
  { minimumPriority: "normal", intelligentTiming: true, channels: { sms: false } },
];

/**
 * Measures how many deliveries one core decides per second, from the ledger's data to the decision, for recipients with various
 * preferences and time zones.
 */
export function measureDecisions(seed: number): {
  decisionsPerSecond: number;
  copiesPerSecond: number;
} {
  const known = generateKnown(seed);
  const decided = perSecond(() => {
    let sent = 0;
    for (const one of known) if (decide(buildDecisionInput(one)).kind === "send") sent++;
    return sent;
  });
  const facts = known.map(buildDecisionInput);
  const copied = perSecond(() => {
    let copies = 0;
    for (const one of facts) copies += structuredClone(one).ahead + 1;
    return copies;
  });
  return { decisionsPerSecond: decided, copiesPerSecond: copied };
}

/** The best of several rounds, so that other load on the machine counts less. */
function perSecond(round: () => number): number {
  let best = 0;
  for (let n = 0; n < rounds; n++) {
    const beganAt = performance.now();
    if (round() < 0) throw new Error("a round counts");
    best = Math.max(best, (distinct * 1_000) / (performance.now() - beganAt));
  }
  return best;
}

function generateKnown(seed: number): Parameters<typeof buildDecisionInput>[0][] {
  const random = createRandom(seed);
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)]!;
  const types: (NotificationType | null)[] = [
    null,
    ...["task.deadline", "habit.reminder", "report.weekly"].map((key, index) => ({
      ...typeDefinition.parse({ name: key, batchable: index < 2, digestable: true }),
      id: key,
      key,
      number: index + 1,
      version: 1,
    })),
  ];
  return Array.from({ length: distinct }, () => {
    const granted = Array.from(
      { length: Math.floor(random() * 12) },
      () => at - random() * 7_200_000,
    ).sort((one, other) => one - other);
    return {
      now: at,
      recipient: {
        erased: random() < 0.01,
        email: "person@example.org",
        phone: null,
        addressChannels: [],
        timeZone: pick(zones),
        preferences: pick(preferences),
        engagedHours: [],
      },
      suppression: random() < 0.01 ? "bounced" : null,
      delivery: {
        priority: pick(priorities),
        channel: "email",
        reason: random() < 0.2 ? "quiet_hours" : null,
        holdCount: 0,
        group: null,
        stage: null,
        topic: null,
      } satisfies Parameters<typeof buildDecisionInput>[0]["delivery"],
      source: {
        askedAt: new Date(at - random() * 60_000),
        occursAt: null,
        expiresAt: null,
        batchable: true,
        bypassRateLimit: false,
      },
      type: pick(types),
      policy: defaultPolicy,
      grants: { granted, types: granted.map(() => 0) },
      ahead: 0,
      duplicate: false,
      superseded: false,
      undecided: false,
      load: noLoad,
    };
  });
}

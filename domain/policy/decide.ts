import { batchBounds, type BatchBounds, type Joining, type Load } from "./batching.ts";
import { nextTimeOfHour } from "./best-hour.ts";
import type { Channel } from "../channel.ts";
import { nextDigestAt } from "./digest-instants.ts";
import { minuteMs } from "../time/local-time.ts";
import {
  type GrantLog,
  grantedIn,
  type Limit,
  availableAt,
  limitWindows,
  preferenceOf,
} from "./limits.ts";
import type { NotificationType } from "./notification-type.ts";
import type { Policy } from "./policy.ts";
import {
  channelPaths,
  type EffectivePreferences,
  type PreferencePath,
  type Preferences,
} from "./preferences.ts";
import { priorities, type Priority } from "../priority.ts";
import { quietUntil } from "./quiet-hours.ts";
import type { Reason } from "../delivery/reasons.ts";
import type { SuppressionReason } from "../suppression.ts";

/** What policy says for a delivery that is due. Instants are milliseconds since the epoch. */
export type Decision =
  /** It is sent, if these limits have room and the gap lies between the last message to its recipient and this one. */
  | { kind: "send"; limits: readonly Limit[]; gapMs: number }
  | { kind: "hold"; reason: Reason; until: number }
  /** It goes out with others, as one message. */
  | { kind: "merge"; into: "batch"; joining: Joining; adapted: BatchBounds["adapted"] }
  | { kind: "merge"; into: "digest"; joining: Joining }
  | { kind: "suppress"; reason: Reason };

/** What a decision weighs, read fresh whenever a delivery is due. Instants are milliseconds since the epoch. */
export interface DecisionInput {
  now: number;
  recipient: {
    erased: boolean;
    hasAddress: boolean;
    /** Why the address is on the suppression list; null: it is not. */
    suppression: SuppressionReason | null;
    zone: string;
    /** The hour of the day at which they mostly look; null where too little is known. */
    bestHour: number | null;
  };
  message: {
    priority: Priority;
    channel: Channel;
    /** When it was to go out at the earliest. */
    askedAt: number;
    /** The time that it is about; null: when it was asked for. */
    occursAt: number | null;
    /** As the request has it; the type's time to live counts beside it. */
    expiresAt: number | null;
    batchable: boolean;
    bypassRateLimit: boolean;
    /** Was the same told, or asked for before it, within the window? */
    duplicate: boolean;
    /** Does a newer message with its collapse key wait, or was one handed over? */
    superseded: boolean;
    /** That depends on another message, which is to be decided about at the same time. */
    undecided: boolean;
  };
  /** How it has waited so far. */
  waiting: {
    reason: Reason | null;
    /** Holds in a row for that reason. */
    holdCount: number;
    /** The group that it is in; null where it is in none, or the group went out without it. */
    group: {
      kind: "batch" | "digest";
      status: "open" | "full" | "closed";
      closesAt: number;
    } | null;
  };
  /** Null: a message of no type. */
  type: NotificationType | null;
  policy: Policy;
  preferences: EffectivePreferences;
  /** What the recipient themself has said; null: nothing. */
  statedPreferences: Preferences | null;
  grants: GrantLog;
  /** Messages to the recipient that are to be granted before this one. */
  ahead: number;
  load: Load;
}

/** One step of the order of precedence. */
export interface Rule {
  name: string;
  /** In words, for who asks why. */
  question: string;
  /** The preferences that it looks at. */
  paths: readonly PreferencePath[];
  /** What it says; null: it says nothing, and the next one is asked. */
  evaluate(input: DecisionInput): Decision | null;
  /** The values that it looks at, for who asks why; preferences are told by their paths. */
  inputs(input: DecisionInput): Record<string, unknown>;
}

const send = (input: DecisionInput): Decision => ({
  kind: "send",
  limits: limitsOn(input),
  gapMs: gapMsOf(input),
});
const suppress = (reason: Reason): Decision => ({ kind: "suppress", reason });

/** How soon a message is looked at again that depends on another one. */
const undecidedMs = 1_500;

/** Suppressed for another message, once that one's own decision is known: it might be suppressed too, and nobody would hear anything. */
const suppressOnceDecided = ({ message, now }: DecisionInput, reason: Reason): Decision =>
  message.undecided
    ? { kind: "hold", reason: "decide_again", until: now + undecidedMs }
    : suppress(reason);

/** Held back together with others, to be released one after the other. */
const releasedReasons: ReadonlySet<Reason | null> = new Set<Reason>([
  "quiet_hours",
  "do_not_disturb",
  "provider_unavailable",
  "sender_refused",
  "smoothed_release",
]);

/** The wait after which a limit is looked at again at the soonest: doubled with each hold in a row. */
const backoffMs = { first: 5_000, cap: 300_000 };

/** Members of one digest: what comes beyond them is in another one, at the same time. No mail has so much to say. */
const digestMaximum = 5_000;

const unhurried = (priority: Priority) => priority === "normal" || priority === "low";
const isMandatory = ({ type }: DecisionInput) => type?.mandatory ?? false;

/** When its time to live is over; null: never. */
function expiryOf({ message: { askedAt, expiresAt }, type }: DecisionInput): number | null {
  const lived = type?.timeToLiveSeconds ? askedAt + type.timeToLiveSeconds * 1_000 : null;
  if (lived === null || expiresAt === null) return lived ?? expiresAt;
  return Math.min(lived, expiresAt);
}

/** Is it pointless before then? So long it does not wait to go out with others. */
function expiresBy(input: DecisionInput, at: number): boolean {
  const expiry = expiryOf(input);
  return expiry !== null && expiry <= at;
}

/** The limits on a message: what its claim needs a permit of. None on what passes them. */
function limitsOn(input: DecisionInput): Limit[] {
  const { message, type, policy, preferences, waiting } = input;
  if (message.priority === "critical" || message.bypassRateLimit) return [];
  if (waiting.reason === "send_requested") return [];
  return [
    // A digest is of no type.
    ...(type === null || waiting.group?.kind === "digest"
      ? []
      : limitWindows(type.limits, "type_limit", type.number)),
    ...limitWindows(policy.limits, "organisation_limit"),
    ...(message.priority === "high" ? [] : [preferenceOf(preferences.maxPerHour)]),
  ];
}

/** Was it held back with others, so that they are released one after the other? Not what passes the limits. */
export const isReleased = (input: DecisionInput): boolean =>
  releasedReasons.has(input.waiting.reason) && limitsOn(input).length > 0;

/** What has to lie between the last grant and this one: of what was held back with others. */
const gapMsOf = (input: DecisionInput): number =>
  isReleased(input) ? input.policy.release.recipientSeconds * 1_000 : 0;

/** Its recipient has said when they want it. */
const isSnoozed = ({ waiting }: DecisionInput) => waiting.reason === "snoozed";

/** Its group takes nobody any more: it goes out, unless something else holds it. */
function groupGoes({ now, waiting: { group } }: DecisionInput, kind: "batch" | "digest"): boolean {
  return group?.kind === kind && (group.status !== "open" || group.closesAt <= now);
}

/** The order of precedence: the first rule that says something decides. */
export const rules: readonly Rule[] = [
  {
    name: "erased",
    question: "Was the recipient erased?",
    paths: [],
    evaluate: ({ recipient }) => (recipient.erased ? suppress("recipient_erased") : null),
    inputs: ({ recipient: { erased } }) => ({ erased }),
  },
  {
    name: "suppressed",
    question:
      "Is the address on the suppression list? Who unsubscribed still hears what is critical or mandatory.",
    paths: [],
    evaluate(input) {
      const { suppression } = input.recipient;
      if (suppression === null) return null;
      const isOwed = input.message.priority === "critical" || isMandatory(input);
      return suppression === "unsubscribed" && isOwed ? null : suppress("address_suppressed");
    },
    inputs: (input) => ({
      suppression: input.recipient.suppression,
      mandatory: isMandatory(input),
      priority: input.message.priority,
    }),
  },
  {
    name: "address",
    question: "Has the recipient an address for the channel?",
    paths: [],
    evaluate: ({ recipient }) => (recipient.hasAddress ? null : suppress("no_address")),
    inputs: ({ recipient: { hasAddress }, message: { channel } }) => ({ channel, hasAddress }),
  },
  {
    name: "expired",
    question: "Is its time to live over?",
    paths: [],
    evaluate(input) {
      const expiry = expiryOf(input);
      return expiry !== null && expiry <= input.now ? suppress("expired") : null;
    },
    inputs: (input) => ({ expiresAt: instant(expiryOf(input)) }),
  },
  {
    name: "critical",
    question: "Is it critical? Then it passes all that follows.",
    paths: [],
    evaluate: (input) => (input.message.priority === "critical" ? send(input) : null),
    inputs: ({ message: { priority } }) => ({ priority }),
  },
  {
    name: "switched_off",
    question: "Is its type or its channel switched off? What is mandatory cannot be.",
    paths: channelPaths,
    evaluate({ type, preferences, message: { channel } }) {
      if (type?.mandatory) return null;
      if (type !== null && preferences.types[type.key] === false) return suppress("type_off");
      const allowed = type === null || type.channels.includes(channel);
      return allowed && preferences.channels[channel] ? null : suppress("channel_off");
    },
    inputs: (input) => ({
      mandatory: isMandatory(input),
      channel: input.message.channel,
      type: input.type?.key ?? null,
      typeOn: input.type === null || input.preferences.types[input.type.key] !== false,
      typeAllows: input.type?.channels ?? null,
    }),
  },
  {
    name: "minimum_priority",
    question:
      "Is its priority below the lowest that the recipient wants? What is mandatory passes.",
    paths: ["minimumPriority"],
    evaluate: (input) =>
      !isMandatory(input) &&
      priorities.indexOf(input.message.priority) >
        priorities.indexOf(input.preferences.minimumPriority)
        ? suppress("below_minimum_priority")
        : null,
    inputs: (input) => ({ priority: input.message.priority, mandatory: isMandatory(input) }),
  },
  {
    name: "duplicate",
    question: "Was the same told a moment ago, or will it be?",
    paths: [],
    evaluate: (input) => (input.message.duplicate ? suppressOnceDecided(input, "duplicate") : null),
    inputs: ({ message: { duplicate, undecided }, policy }) => ({
      duplicate,
      undecided,
      windowSeconds: policy.deduplicationSeconds,
    }),
  },
  {
    name: "superseded",
    question: "Does a newer message with its collapse key wait, or was one sent?",
    paths: [],
    evaluate: (input) =>
      input.message.superseded ? suppressOnceDecided(input, "superseded") : null,
    inputs: ({ message: { superseded, undecided } }) => ({ superseded, undecided }),
  },
  {
    name: "requested",
    question: "Did an operator ask for it at once? Then it passes all that follows.",
    paths: [],
    evaluate: (input) => (input.waiting.reason === "send_requested" ? send(input) : null),
    inputs: ({ waiting: { reason } }) => ({ requested: reason === "send_requested" }),
  },
  {
    name: "quiet_hours",
    question: "Are there quiet hours, or a span of do-not-disturb?",
    paths: ["quietHours", "doNotDisturb"],
    evaluate({ preferences, recipient: { zone }, now }) {
      if (preferences.quietHours.length + preferences.doNotDisturb.length === 0) return null;
      const quiet = quietUntil(preferences, zone, now);
      return quiet && { kind: "hold", reason: quiet.reason, until: quiet.until };
    },
    inputs: ({ recipient: { zone } }) => ({ zone }),
  },
  {
    name: "digest",
    question: "Does the recipient want messages of this type in a digest?",
    paths: ["digest.mode", "digest.time", "digest.weekday"],
    evaluate(input) {
      const { type, preferences, message, recipient, now } = input;
      if (!type?.digestable || preferences.digest.mode === "immediate") return null;
      if (!unhurried(message.priority) || isSnoozed(input)) return null;
      if (groupGoes(input, "digest") || groupGoes(input, "batch")) return null;
      const closesAt = nextDigestAt(preferences.digest, recipient.zone, now);
      if (expiresBy(input, closesAt)) return null;
      return {
        kind: "merge",
        into: "digest",
        joining: {
          closesAt,
          maximumSize: digestMaximum,
          spreadMs: null,
          occursAt: message.occursAt ?? message.askedAt,
        },
      };
    },
    inputs: ({ type, message: { priority }, recipient: { zone }, waiting: { group } }) => ({
      digestable: type?.digestable ?? false,
      priority,
      zone,
      group: shown(group),
    }),
  },
  {
    name: "batching",
    question: "May it go out with others of its type?",
    paths: ["batching.enabled", "batching.maximumSize", "batching.windowMinutes"],
    evaluate(input) {
      const { type, preferences, message, now } = input;
      if (!type?.batchable || !message.batchable || !preferences.batching.enabled) return null;
      if (!unhurried(message.priority)) return null;
      if (groupGoes(input, "batch") || groupGoes(input, "digest")) return null;
      const bounds = boundsOf(input);
      // The window begins when it was asked for: a while in quiet hours does not make it longer. What it is about is not to be
      // over by then; and what was snoozed comes when it was asked for, with what was snoozed with it.
      const windowEnd = Math.min(
        message.askedAt + bounds.windowMs,
        message.occursAt ?? Number.POSITIVE_INFINITY,
      );
      const closesAt = isSnoozed(input) ? now : Math.max(windowEnd, now);
      if (expiresBy(input, closesAt)) return null;
      return {
        kind: "merge",
        into: "batch",
        joining: {
          closesAt,
          maximumSize: bounds.maximumSize,
          spreadMs: type.spreadMinutes === null ? null : type.spreadMinutes * minuteMs,
          occursAt: message.occursAt ?? message.askedAt,
        },
        adapted: bounds.adapted,
      };
    },
    inputs(input) {
      const { maximumSize, windowMs, adapted } = boundsOf(input);
      return {
        typeBatchable: input.type?.batchable ?? false,
        batchable: input.message.batchable,
        priority: input.message.priority,
        maximumSize,
        windowMinutes: windowMs / minuteMs,
        adaptedTo: adapted,
        spreadMinutes: input.type?.spreadMinutes ?? null,
        group: shown(input.waiting.group),
      };
    },
  },
  {
    name: "limits",
    question: "Has the recipient been sent as much as they may be?",
    paths: ["maxPerHour"],
    evaluate(input) {
      const { now, grants, ahead, waiting } = input;
      let until = now;
      let reason: Limit["reason"] | null = null;
      for (const limit of limitsOn(input)) {
        const room = availableAt(limit, grants, ahead);
        if (room <= until) continue;
        until = room;
        ({ reason } = limit);
      }
      if (reason === null) return null;
      // Those that wait for the same window take turns, and need not all look whenever it has room for one.
      const again =
        waiting.reason === reason
          ? Math.min(backoffMs.cap, backoffMs.first * 2 ** Math.min(waiting.holdCount - 1, 20))
          : 0;
      return { kind: "hold", reason, until: Math.max(until, now + again) };
    },
    inputs: (input) => ({
      bypassRateLimit: input.message.bypassRateLimit,
      ahead: input.ahead,
      holdsInARow: input.waiting.holdCount,
      limits: limitsOn(input).map((limit) => ({
        of: limit.reason,
        limit: limit.limit,
        windowSeconds: limit.windowMs / 1_000,
        granted: grantedIn(limit, input.grants, input.now),
      })),
    }),
  },
  {
    name: "smoothed_release",
    question: "Was it held back with others? Then they come one after the other.",
    paths: [],
    evaluate(input) {
      const gapMs = gapMsOf(input);
      if (gapMs === 0) return null;
      const last = input.grants.granted.at(-1) ?? Number.NEGATIVE_INFINITY;
      const until = Math.max(last + gapMs, input.now) + input.ahead * gapMs;
      return until > input.now ? { kind: "hold", reason: "smoothed_release", until } : null;
    },
    inputs: (input) => ({
      heldBackFor: releasedReasons.has(input.waiting.reason) ? input.waiting.reason : null,
      secondsBetween: input.policy.release.recipientSeconds,
      lastGrantedAt: instant(input.grants.granted.at(-1) ?? null),
      ahead: input.ahead,
    }),
  },
  {
    name: "best_hour",
    question: "May it wait for the hour at which the recipient mostly looks?",
    paths: ["intelligentTiming"],
    evaluate(input) {
      const { recipient, preferences, message, policy, waiting, now } = input;
      const { bestHour, zone } = recipient;
      if (!preferences.intelligentTiming || bestHour === null) return null;
      if (!unhurried(message.priority) || waiting.reason === "best_hour") return null;
      // Its window, or the digest's time, is what its recipient waits for.
      if (waiting.group !== null) return null;
      const until = nextTimeOfHour(zone, bestHour, now);
      const latest = message.askedAt + policy.timing.maximumWaitMinutes * minuteMs;
      if (until <= now || until > latest || expiresBy(input, until)) return null;
      return { kind: "hold", reason: "best_hour", until };
    },
    inputs: ({ recipient: { bestHour, zone }, message: { priority }, policy }) => ({
      bestHour,
      zone,
      priority,
      maximumWaitMinutes: policy.timing.maximumWaitMinutes,
    }),
  },
];

/** Whether, when and how a due delivery goes out. */
export function decide(input: DecisionInput): Decision {
  for (const rule of rules) {
    const decision = rule.evaluate(input);
    if (decision !== null) return decision;
  }
  return send(input);
}

/** The same with the rules that were asked, in their order: the last of them decided, or none did and it is sent. */
export function explain(input: DecisionInput): {
  decision: Decision;
  evaluations: { rule: Rule; inputs: Record<string, unknown>; decision: Decision | null }[];
} {
  const evaluations = [];
  for (const rule of rules) {
    const decision = rule.evaluate(input);
    evaluations.push({ rule, inputs: rule.inputs(input), decision });
    if (decision !== null) return { decision, evaluations };
  }
  return { decision: send(input), evaluations };
}

const boundsOf = ({ preferences, statedPreferences, policy, load }: DecisionInput) =>
  batchBounds(preferences, statedPreferences, policy, load);

const instant = (at: number | null) => (at === null ? null : new Date(at).toISOString());

const shown = (group: DecisionInput["waiting"]["group"]) =>
  group && { ...group, closesAt: instant(group.closesAt) };

import { batchBounds, type BatchBounds, type Joining, type Load } from "./batching.ts";
import { nextTimeOfHour } from "./best-hour.ts";
import type { Channel } from "../channel.ts";
import { nextDigestAt } from "./digest-instants.ts";
import { minuteMs } from "../time/local-time.ts";
import { type GrantLog, grantedIn, type Limit, roomAt, windowsOf, wishOf } from "./limits.ts";
import type { NotificationType } from "./notification-type.ts";
import type { Policy } from "./policy.ts";
import type { EffectivePreferences, PreferencePath, Preferences } from "./preferences.ts";
import { priorities, type Priority } from "../priority.ts";
import { quietUntil } from "./quiet-hours.ts";
import type { Reason } from "../delivery/reasons.ts";

/** What policy says for a delivery that is due. Instants are milliseconds since the epoch. */
export type Decision =
  | { kind: "send" }
  | { kind: "hold"; reason: Reason; until: number }
  /** It goes out with others, as one message. */
  | { kind: "merge"; into: "batch"; joining: Joining; adapted: BatchBounds["adapted"] }
  | { kind: "merge"; into: "digest"; joining: Joining }
  | { kind: "suppress"; reason: Reason };

/** What a decision weighs, read fresh whenever a delivery is due. Instants are milliseconds since the epoch. */
export interface Facts {
  now: number;
  recipient: {
    erased: boolean;
    hasAddress: boolean;
    /** Is the address on the suppression list? */
    suppressed: boolean;
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
    /** Does a newer one with its collapse key wait? */
    superseded: boolean;
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
  wishes: Preferences | null;
  grants: GrantLog;
  /** Messages to the recipient that are to be granted before this one. */
  ahead: number;
  load: Load;
}

/** One step of the order of precedence. */
export interface Rule {
  name: string;
  /** In words, for who asks why. */
  asks: string;
  /** The preferences that it looks at. */
  paths: readonly PreferencePath[];
  /** What it says; null: it says nothing, and the next one is asked. */
  weigh(facts: Facts): Decision | null;
  /** The values that it looks at, for who asks why; preferences are told by their paths. */
  saw(facts: Facts): Record<string, unknown>;
}

const send: Decision = { kind: "send" };
const suppress = (reason: Reason): Decision => ({ kind: "suppress", reason });

/** Held back together with others, to be released one after the other. */
const releasedReasons: ReadonlySet<Reason | null> = new Set<Reason>([
  "quiet_hours",
  "do_not_disturb",
  "provider_unavailable",
  "smoothed_release",
]);

/** The wait after which a limit is looked at again at the soonest: doubled with each hold in a row. */
const backoffMs = { first: 5_000, cap: 300_000 };

/** Members of one digest: what comes beyond them is in another one, at the same time. No mail has so much to say. */
const digestMaximum = 5_000;

const unhurried = (priority: Priority) => priority === "normal" || priority === "low";
const isMandatory = ({ type }: Facts) => type?.mandatory ?? false;

/** When its time to live is over; null: never. */
function expiryOf({ message: { askedAt, expiresAt }, type }: Facts): number | null {
  const lived = type?.timeToLiveSeconds ? askedAt + type.timeToLiveSeconds * 1_000 : null;
  if (lived === null || expiresAt === null) return lived ?? expiresAt;
  return Math.min(lived, expiresAt);
}

/** Is it pointless before then? So long it does not wait to go out with others. */
function expiresBy(facts: Facts, at: number): boolean {
  const expiry = expiryOf(facts);
  return expiry !== null && expiry <= at;
}

/** The limits on a message: what its claim needs a permit of. None on what passes them. */
export function limitsOn(facts: Facts): Limit[] {
  const { message, type, policy, preferences, waiting } = facts;
  if (message.priority === "critical" || message.bypassRateLimit) return [];
  if (waiting.reason === "send_requested") return [];
  return [
    // A digest is of no type.
    ...(type === null || waiting.group?.kind === "digest"
      ? []
      : windowsOf(type.limits, "type_limit", type.number)),
    ...windowsOf(policy.limits, "organisation_limit"),
    ...(message.priority === "high" ? [] : [wishOf(preferences.maxPerHour)]),
  ];
}

/** Was it held back with others, so that they are released one after the other? Not what passes the limits. */
export const isReleased = (facts: Facts): boolean =>
  releasedReasons.has(facts.waiting.reason) && limitsOn(facts).length > 0;

/** What has to lie between the last grant and this one: of what was held back with others. */
export const gapMsOf = (facts: Facts): number =>
  isReleased(facts) ? facts.policy.release.recipientSeconds * 1_000 : 0;

/** Its recipient has said when they want it. */
const isSnoozed = ({ waiting }: Facts) => waiting.reason === "snoozed";

/** Its group takes nobody any more: it goes out, unless something else holds it. */
function groupGoes({ now, waiting: { group } }: Facts, kind: "batch" | "digest"): boolean {
  return group?.kind === kind && (group.status !== "open" || group.closesAt <= now);
}

/** The order of precedence: the first rule that says something decides. */
export const rules: readonly Rule[] = [
  {
    name: "erased",
    asks: "Was the recipient erased?",
    paths: [],
    weigh: ({ recipient }) => (recipient.erased ? suppress("recipient_erased") : null),
    saw: ({ recipient: { erased } }) => ({ erased }),
  },
  {
    name: "suppressed",
    asks: "Is the address on the suppression list?",
    paths: [],
    weigh: ({ recipient }) => (recipient.suppressed ? suppress("address_suppressed") : null),
    saw: ({ recipient: { suppressed } }) => ({ suppressed }),
  },
  {
    name: "address",
    asks: "Has the recipient an address for the channel?",
    paths: [],
    weigh: ({ recipient }) => (recipient.hasAddress ? null : suppress("no_address")),
    saw: ({ recipient: { hasAddress }, message: { channel } }) => ({ channel, hasAddress }),
  },
  {
    name: "expired",
    asks: "Is its time to live over?",
    paths: [],
    weigh(facts) {
      const expiry = expiryOf(facts);
      return expiry !== null && expiry <= facts.now ? suppress("expired") : null;
    },
    saw: (facts) => ({ expiresAt: instant(expiryOf(facts)) }),
  },
  {
    name: "critical",
    asks: "Is it critical? Then it passes all that follows.",
    paths: [],
    weigh: ({ message }) => (message.priority === "critical" ? send : null),
    saw: ({ message: { priority } }) => ({ priority }),
  },
  {
    name: "switched_off",
    asks: "Is its type or its channel switched off? What is mandatory cannot be.",
    paths: [
      "channels.email",
      "channels.push",
      "channels.in_app",
      "channels.sms",
      "channels.webhook",
    ],
    weigh({ type, preferences, message: { channel } }) {
      if (type?.mandatory) return null;
      if (type !== null && preferences.types[type.key] === false) return suppress("type_off");
      const allowed = type === null || type.channels.includes(channel);
      return allowed && preferences.channels[channel] ? null : suppress("channel_off");
    },
    saw: (facts) => ({
      mandatory: isMandatory(facts),
      channel: facts.message.channel,
      type: facts.type?.key ?? null,
      typeOn: facts.type === null || facts.preferences.types[facts.type.key] !== false,
      typeAllows: facts.type?.channels ?? null,
    }),
  },
  {
    name: "minimum_priority",
    asks: "Is its priority below the lowest that the recipient wants? What is mandatory passes.",
    paths: ["minimumPriority"],
    weigh: (facts) =>
      !isMandatory(facts) &&
      priorities.indexOf(facts.message.priority) >
        priorities.indexOf(facts.preferences.minimumPriority)
        ? suppress("below_minimum_priority")
        : null,
    saw: (facts) => ({ priority: facts.message.priority, mandatory: isMandatory(facts) }),
  },
  {
    name: "duplicate",
    asks: "Was the same told a moment ago?",
    paths: [],
    weigh: ({ message }) => (message.duplicate ? suppress("duplicate") : null),
    saw: ({ message: { duplicate }, policy }) => ({
      duplicate,
      windowSeconds: policy.deduplicationSeconds,
    }),
  },
  {
    name: "superseded",
    asks: "Does a newer message with its collapse key wait?",
    paths: [],
    weigh: ({ message }) => (message.superseded ? suppress("superseded") : null),
    saw: ({ message: { superseded } }) => ({ superseded }),
  },
  {
    name: "requested",
    asks: "Did an operator ask for it at once? Then it passes all that follows.",
    paths: [],
    weigh: ({ waiting }) => (waiting.reason === "send_requested" ? send : null),
    saw: ({ waiting: { reason } }) => ({ requested: reason === "send_requested" }),
  },
  {
    name: "quiet_hours",
    asks: "Are there quiet hours, or a span of do-not-disturb?",
    paths: ["quietHours", "doNotDisturb"],
    weigh({ preferences, recipient: { zone }, now }) {
      if (preferences.quietHours.length + preferences.doNotDisturb.length === 0) return null;
      const quiet = quietUntil(preferences, zone, now);
      return quiet && { kind: "hold", reason: quiet.reason, until: quiet.until };
    },
    saw: ({ recipient: { zone } }) => ({ zone }),
  },
  {
    name: "digest",
    asks: "Does the recipient want messages of this type in a digest?",
    paths: ["digest.mode", "digest.time", "digest.weekday"],
    weigh(facts) {
      const { type, preferences, message, recipient, now } = facts;
      if (!type?.digestable || preferences.digest.mode === "immediate") return null;
      if (!unhurried(message.priority) || isSnoozed(facts)) return null;
      if (groupGoes(facts, "digest") || groupGoes(facts, "batch")) return null;
      const closesAt = nextDigestAt(preferences.digest, recipient.zone, now);
      if (expiresBy(facts, closesAt)) return null;
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
    saw: ({ type, message: { priority }, recipient: { zone }, waiting: { group } }) => ({
      digestable: type?.digestable ?? false,
      priority,
      zone,
      group: shown(group),
    }),
  },
  {
    name: "batching",
    asks: "May it go out with others of its type?",
    paths: ["batching.enabled", "batching.maximumSize", "batching.windowMinutes"],
    weigh(facts) {
      const { type, preferences, message, now } = facts;
      if (!type?.batchable || !message.batchable || !preferences.batching.enabled) return null;
      if (!unhurried(message.priority)) return null;
      if (groupGoes(facts, "batch") || groupGoes(facts, "digest")) return null;
      const bounds = boundsOf(facts);
      // The window begins when it was asked for: a while in quiet hours does not make it longer. What it is about is not to be
      // over by then; and what was snoozed comes when it was asked for, with what was snoozed with it.
      const windowEnd = Math.min(
        message.askedAt + bounds.windowMs,
        message.occursAt ?? Number.POSITIVE_INFINITY,
      );
      const closesAt = isSnoozed(facts) ? now : Math.max(windowEnd, now);
      if (expiresBy(facts, closesAt)) return null;
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
    saw(facts) {
      const { maximumSize, windowMs, adapted } = boundsOf(facts);
      return {
        typeBatchable: facts.type?.batchable ?? false,
        batchable: facts.message.batchable,
        priority: facts.message.priority,
        maximumSize,
        windowMinutes: windowMs / minuteMs,
        adaptedTo: adapted,
        spreadMinutes: facts.type?.spreadMinutes ?? null,
        group: shown(facts.waiting.group),
      };
    },
  },
  {
    name: "limits",
    asks: "Has the recipient been sent as much as they may be?",
    paths: ["maxPerHour"],
    weigh(facts) {
      const { now, grants, ahead, waiting } = facts;
      let until = now;
      let reason: Limit["reason"] | null = null;
      for (const limit of limitsOn(facts)) {
        const room = roomAt(limit, grants, ahead);
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
    saw: (facts) => ({
      bypassRateLimit: facts.message.bypassRateLimit,
      ahead: facts.ahead,
      holdsInARow: facts.waiting.holdCount,
      limits: limitsOn(facts).map((limit) => ({
        of: limit.reason,
        limit: limit.limit,
        windowSeconds: limit.windowMs / 1_000,
        granted: grantedIn(limit, facts.grants, facts.now),
      })),
    }),
  },
  {
    name: "smoothed_release",
    asks: "Was it held back with others? Then they come one after the other.",
    paths: [],
    weigh(facts) {
      const gapMs = gapMsOf(facts);
      if (gapMs === 0) return null;
      const last = facts.grants.granted.at(-1) ?? Number.NEGATIVE_INFINITY;
      const until = Math.max(last + gapMs, facts.now) + facts.ahead * gapMs;
      return until > facts.now ? { kind: "hold", reason: "smoothed_release", until } : null;
    },
    saw: (facts) => ({
      heldBackFor: releasedReasons.has(facts.waiting.reason) ? facts.waiting.reason : null,
      secondsBetween: facts.policy.release.recipientSeconds,
      lastGrantedAt: instant(facts.grants.granted.at(-1) ?? null),
      ahead: facts.ahead,
    }),
  },
  {
    name: "best_hour",
    asks: "May it wait for the hour at which the recipient mostly looks?",
    paths: ["intelligentTiming"],
    weigh(facts) {
      const { recipient, preferences, message, policy, waiting, now } = facts;
      const { bestHour, zone } = recipient;
      if (!preferences.intelligentTiming || bestHour === null) return null;
      if (!unhurried(message.priority) || waiting.reason === "best_hour") return null;
      // Its window, or the digest's time, is what its recipient waits for.
      if (waiting.group !== null) return null;
      const until = nextTimeOfHour(zone, bestHour, now);
      const latest = message.askedAt + policy.timing.maximumWaitMinutes * minuteMs;
      if (until <= now || until > latest || expiresBy(facts, until)) return null;
      return { kind: "hold", reason: "best_hour", until };
    },
    saw: ({ recipient: { bestHour, zone }, message: { priority }, policy }) => ({
      bestHour,
      zone,
      priority,
      maximumWaitMinutes: policy.timing.maximumWaitMinutes,
    }),
  },
];

/** Whether, when and how a due delivery goes out. */
export function decide(facts: Facts): Decision {
  for (const rule of rules) {
    const decision = rule.weigh(facts);
    if (decision !== null) return decision;
  }
  return send;
}

/** The same with the rules that were asked, in their order: the last of them decided, or none did and it is sent. */
export function explain(facts: Facts): {
  decision: Decision;
  weighed: { rule: Rule; saw: Record<string, unknown>; decision: Decision | null }[];
} {
  const weighed = [];
  for (const rule of rules) {
    const decision = rule.weigh(facts);
    weighed.push({ rule, saw: rule.saw(facts), decision });
    if (decision !== null) return { decision, weighed };
  }
  return { decision: send, weighed };
}

const boundsOf = ({ preferences, wishes, policy, load }: Facts) =>
  batchBounds(preferences, wishes, policy, load);

const instant = (at: number | null) => (at === null ? null : new Date(at).toISOString());

const shown = (group: Facts["waiting"]["group"]) =>
  group && { ...group, closesAt: instant(group.closesAt) };

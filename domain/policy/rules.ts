import { batchBounds } from "./batching.ts";
import { nextTimeOfHour } from "./best-hour.ts";
import type { Decision, DecisionInput } from "./decision.ts";
import { expiryOf } from "./expiry.ts";
import { nextDigestAt } from "./digest-instants.ts";
import { minuteMs } from "../time/durations.ts";
import {
  countGrants,
  type Limit,
  findRoomAt,
  listLimitWindows,
  buildRecipientLimit,
} from "./limits.ts";
import { channelPaths, isTypeOn, type PreferencePath } from "./preferences.ts";
import { priorities, type Priority } from "../priority.ts";
import { quietUntil } from "./quiet-hours.ts";
import { includesLevel, isQuiet } from "./route.ts";
import type { Reason } from "../delivery/reasons.ts";

/** One step of the order of precedence. */
export interface Rule {
  name: string;
  /** What the rule asks, in words: published in the documentation and in explanations. */
  question: string;
  /** The preferences that the rule reads. */
  paths: readonly PreferencePath[];
  /** The rule's decision; null if it does not apply, so that the next rule is evaluated. */
  evaluate(input: DecisionInput): Decision | null;
  /** The values that the rule reads, for explanations. Preferences are shown by `paths`. */
  inputs(input: DecisionInput): Record<string, unknown>;
}

/** The decision to send a message at once, under its limits. */
export const send = (input: DecisionInput): Decision => ({
  kind: "send",
  limits: listLimits(input),
  gapMs: findGapMs(input),
});
const suppress = (reason: Reason): Decision => ({ kind: "suppress", reason });

/** What the recipient has stated about the type of the message; undefined where they have not, or it has no type. */
const statedSwitch = ({ type, preferences }: DecisionInput) =>
  type === null ? undefined : preferences.types[type.key];

/** After how long a message that depends on an undecided one is decided again. */
const undecidedMs = 1_500;

/** Suppresses a message because of another one, once that one is decided: if both were suppressed, the recipient would receive nothing. */
const suppressOnceDecided = ({ message, now }: DecisionInput, reason: Reason): Decision =>
  message.undecided
    ? { kind: "hold", reason: "decide_again", until: now + undecidedMs }
    : suppress(reason);

/** Reasons for which many messages wait together. They are released one after the other. */
const releasedReasons: ReadonlySet<Reason | null> = new Set<Reason>([
  "quiet_hours",
  "do_not_disturb",
  "provider_unavailable",
  "sender_refused",
  "smoothed_release",
]);

/** The shortest wait before a limit is checked again. It doubles with each consecutive hold. */
const backoffMs = { first: 5_000, cap: 300_000 };

/** The maximum number of members of one digest. Further members go into another digest at the same time. */
const digestMaximum = 5_000;

const isUnhurried = (priority: Priority) => priority === "normal" || priority === "low";
const isMandatory = ({ type }: DecisionInput) => type?.mandatory ?? false;

/** When the message expires; null if it never does. */
const findExpiry = ({ message: { askedAt, expiresAt }, type }: DecisionInput): number | null =>
  expiryOf({ askedAt, expiresAt, timeToLiveSeconds: type?.timeToLiveSeconds ?? null });

/** Whether the message expires at `at` or before. If so, it does not wait that long. */
function expiresBy(input: DecisionInput, at: number): boolean {
  const expiry = findExpiry(input);
  return expiry !== null && expiry <= at;
}

/** The limits that the claim of a message has to respect; none for messages that are exempt from all limits. */
function listLimits(input: DecisionInput): Limit[] {
  const { message, type, policy, preferences, waiting } = input;
  if (message.priority === "critical" || message.bypassRateLimit) return [];
  if (waiting.reason === "send_requested" || isQuiet(message.channel)) return [];
  return [
    // A digest has no type.
    ...(type === null || waiting.group?.kind === "digest"
      ? []
      : listLimitWindows(type.limits, "type_limit", type.number)),
    ...listLimitWindows(policy.limits, "organisation_limit"),
    ...(message.priority === "high" ? [] : [buildRecipientLimit(preferences.maxPerHour)]),
  ];
}

/** Whether the message was held back together with others and is released in turn. Messages that are exempt from the limits are not. */
export const isReleased = (input: DecisionInput): boolean =>
  releasedReasons.has(input.waiting.reason) && listLimits(input).length > 0;

/** The time that has to pass since the last grant before this message; 0 unless it is released in turn. */
const findGapMs = (input: DecisionInput): number =>
  isReleased(input) ? input.policy.release.recipientSeconds * 1_000 : 0;

/** A message of a later stage that joined a batch or a digest would no longer come at its time. */
const isEscalation = ({ message }: DecisionInput) => message.stage !== null;

/** The recipient has chosen when to receive the message. */
const isSnoozed = ({ waiting }: DecisionInput) => waiting.reason === "snoozed";

/** Whether the message's group takes no more members, so that it goes out unless another rule holds it. */
function isGroupDue({ now, waiting: { group } }: DecisionInput, kind: "batch" | "digest"): boolean {
  return group?.kind === kind && (group.status !== "open" || group.closesAt <= now);
}

/** The order of precedence: the first rule that applies decides. */
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
      "Is the address on the suppression list? Critical and mandatory messages still reach recipients who unsubscribed.",
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
    question: "Does the recipient have no address for the channel?",
    paths: [],
    evaluate: ({ recipient }) => (recipient.hasAddress ? null : suppress("no_address")),
    inputs: ({ recipient: { hasAddress }, message: { channel } }) => ({ channel, hasAddress }),
  },
  {
    name: "expired",
    question: "Has the message expired?",
    paths: [],
    evaluate(input) {
      const expiry = findExpiry(input);
      return expiry !== null && expiry <= input.now ? suppress("expired") : null;
    },
    inputs: (input) => ({ expiresAt: formatInstant(findExpiry(input)) }),
  },
  {
    name: "already_reached",
    question:
      "Has an earlier stage of the route reached the recipient, or is one still to be sent? Later stages of critical messages stop too.",
    paths: [],
    evaluate({ message: { stage }, now }) {
      if (stage === null) return null;
      if (stage.earlier.some(({ reached }) => includesLevel(reached, stage.unless)))
        return suppress("already_reached");
      const dueTimes = stage.earlier.flatMap(({ dueAt }) => dueAt ?? []);
      if (dueTimes.length === 0) return null;
      const until = Math.max(now, ...dueTimes) + stage.minutes * minuteMs;
      return { kind: "hold", reason: "earlier_stage", until };
    },
    inputs: ({ message: { stage } }) => ({
      stage: stage && {
        minutes: stage.minutes,
        unless: stage.unless,
        earlier: stage.earlier.map(({ number, reached, dueAt }) => ({
          stage: number,
          reached,
          dueAt: formatInstant(dueAt),
        })),
      },
    }),
  },
  {
    name: "critical",
    question: "Is the message critical? Then it skips all the rules that follow.",
    paths: [],
    evaluate: (input) => (input.message.priority === "critical" ? send(input) : null),
    inputs: ({ message: { priority } }) => ({ priority }),
  },
  {
    name: "topic",
    question:
      "Has the recipient no subscription to the topic of the campaign, or no longer? Mandatory messages skip this rule.",
    paths: [],
    evaluate: (input) =>
      !isMandatory(input) && input.message.topic?.isSubscribed === false
        ? suppress("not_subscribed")
        : null,
    inputs: (input) => ({ topic: input.message.topic, mandatory: isMandatory(input) }),
  },
  {
    name: "switched_off",
    question: "Is the message's type or channel switched off? Mandatory types cannot be.",
    paths: channelPaths,
    evaluate(input) {
      const { type, preferences, message } = input;
      const { channel } = message;
      if (type?.mandatory) return null;
      const stated = statedSwitch(input);
      if (!isTypeOn(stated)) return suppress("type_off");
      const allowed = type === null || type.channels.includes(channel);
      return allowed && preferences.channels[channel] && isTypeOn(stated, channel)
        ? null
        : suppress("channel_off");
    },
    inputs: (input) => ({
      mandatory: isMandatory(input),
      channel: input.message.channel,
      type: input.type?.key ?? null,
      typeOn: isTypeOn(statedSwitch(input)),
      typeChannelOn: isTypeOn(statedSwitch(input), input.message.channel),
      typeAllows: input.type?.channels ?? null,
    }),
  },
  {
    name: "minimum_priority",
    question:
      "Is its priority below the recipient's minimum priority? Mandatory messages skip this rule.",
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
    question: "Was the same message sent a moment ago, or is it about to be?",
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
    question: "Does a newer message with the same collapse key wait, or was one sent?",
    paths: [],
    evaluate: (input) =>
      input.message.superseded ? suppressOnceDecided(input, "superseded") : null,
    inputs: ({ message: { superseded, undecided } }) => ({ superseded, undecided }),
  },
  {
    name: "requested",
    question: "Did an operator ask to send it at once? Then it skips all the rules that follow.",
    paths: [],
    evaluate: (input) => (input.waiting.reason === "send_requested" ? send(input) : null),
    inputs: ({ waiting: { reason } }) => ({ requested: reason === "send_requested" }),
  },
  {
    name: "quiet_hours",
    question:
      "Does the recipient have quiet hours or do-not-disturb now? In-app messages do not wait for them, because they interrupt nobody.",
    paths: ["quietHours", "quietHoursEnabled", "doNotDisturb", "doNotDisturbEnabled"],
    evaluate({ preferences, recipient: { zone }, message: { channel }, now }) {
      if (isQuiet(channel)) return null;
      const quiet = quietUntil(preferences, zone, now);
      return quiet && { kind: "hold", reason: quiet.reason, until: quiet.until };
    },
    inputs: ({ recipient: { zone }, message: { channel }, preferences }) => ({
      zone,
      channel,
      switchedOff: [
        ...(preferences.quietHoursEnabled ? [] : ["quiet_hours"]),
        ...(preferences.doNotDisturbEnabled ? [] : ["do_not_disturb"]),
      ],
    }),
  },
  {
    name: "digest",
    question: "Does the recipient want messages of this type in a digest?",
    paths: ["digest.mode", "digest.time", "digest.weekday"],
    evaluate(input) {
      const { type, preferences, message, recipient, now } = input;
      if (!type?.digestable || preferences.digest.mode === "immediate") return null;
      if (!isUnhurried(message.priority) || isSnoozed(input) || isEscalation(input)) return null;
      if (isGroupDue(input, "digest") || isGroupDue(input, "batch")) return null;
      const closesAt = nextDigestAt(preferences.digest, recipient.zone, now);
      if (expiresBy(input, closesAt)) return null;
      return {
        kind: "merge",
        into: "digest",
        joinRequest: {
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
      group: formatGroup(group),
    }),
  },
  {
    name: "batching",
    question: "May the message go out together with others of its type?",
    paths: ["batching.enabled", "batching.maximumSize", "batching.windowMinutes"],
    evaluate(input) {
      const { type, preferences, message, now } = input;
      if (!type?.batchable || !message.batchable || !preferences.batching.enabled) return null;
      if (!isUnhurried(message.priority) || isEscalation(input)) return null;
      if (isGroupDue(input, "batch") || isGroupDue(input, "digest")) return null;
      const bounds = findBatchBounds(input);
      // The window begins when the message was to go out, so that quiet hours do not make it longer. It ends before the time
      // that the message is about. A snoozed message goes out at the time that its recipient chose, with others snoozed to it.
      const windowEnd = Math.min(
        message.askedAt + bounds.windowMs,
        message.occursAt ?? Number.POSITIVE_INFINITY,
      );
      const closesAt = isSnoozed(input) ? now : Math.max(windowEnd, now);
      if (expiresBy(input, closesAt)) return null;
      return {
        kind: "merge",
        into: "batch",
        joinRequest: {
          closesAt,
          maximumSize: bounds.maximumSize,
          spreadMs: type.spreadMinutes === null ? null : type.spreadMinutes * minuteMs,
          occursAt: message.occursAt ?? message.askedAt,
        },
        adapted: bounds.adapted,
      };
    },
    inputs(input) {
      const { maximumSize, windowMs, adapted } = findBatchBounds(input);
      return {
        typeBatchable: input.type?.batchable ?? false,
        batchable: input.message.batchable,
        priority: input.message.priority,
        maximumSize,
        windowMinutes: windowMs / minuteMs,
        adaptedTo: adapted,
        spreadMinutes: input.type?.spreadMinutes ?? null,
        group: formatGroup(input.waiting.group),
      };
    },
  },
  {
    name: "non_interrupting_channel",
    question:
      "Is it an in-app message? It interrupts nobody: it skips all the rules that follow, and does not count towards limits.",
    paths: [],
    evaluate: (input) => (isQuiet(input.message.channel) ? send(input) : null),
    inputs: ({ message: { channel } }) => ({ channel }),
  },
  {
    name: "limits",
    question: "Has the recipient received as many messages as a limit allows?",
    paths: ["maxPerHour"],
    evaluate(input) {
      const { now, grants, ahead, waiting } = input;
      let until = now;
      let reason: Limit["reason"] | null = null;
      for (const limit of listLimits(input)) {
        const roomAt = findRoomAt(limit, grants, ahead);
        if (roomAt <= until) continue;
        until = roomAt;
        ({ reason } = limit);
      }
      if (reason === null) return null;
      // Many messages may wait for the same window. They need not all be decided again whenever it has room for one.
      const backoff =
        waiting.reason === reason
          ? Math.min(backoffMs.cap, backoffMs.first * 2 ** Math.min(waiting.holdCount - 1, 20))
          : 0;
      return { kind: "hold", reason, until: Math.max(until, now + backoff) };
    },
    inputs: (input) => ({
      bypassRateLimit: input.message.bypassRateLimit,
      ahead: input.ahead,
      holdsInARow: input.waiting.holdCount,
      limits: listLimits(input).map((limit) => ({
        of: limit.reason,
        limit: limit.limit,
        windowSeconds: limit.windowMs / 1_000,
        granted: countGrants(limit, input.grants, input.now),
      })),
    }),
  },
  {
    name: "smoothed_release",
    question: "Was the message held back with others? Then they are released one after the other.",
    paths: [],
    evaluate(input) {
      const gapMs = findGapMs(input);
      if (gapMs === 0) return null;
      const last = input.grants.granted.at(-1) ?? Number.NEGATIVE_INFINITY;
      const until = Math.max(last + gapMs, input.now) + input.ahead * gapMs;
      return until > input.now ? { kind: "hold", reason: "smoothed_release", until } : null;
    },
    inputs: (input) => ({
      heldBackFor: releasedReasons.has(input.waiting.reason) ? input.waiting.reason : null,
      secondsBetween: input.policy.release.recipientSeconds,
      lastGrantedAt: formatInstant(input.grants.granted.at(-1) ?? null),
      ahead: input.ahead,
    }),
  },
  {
    name: "best_hour",
    question: "May the message wait for the hour at which the recipient usually reads messages?",
    paths: ["intelligentTiming"],
    evaluate(input) {
      const { recipient, preferences, message, policy, waiting, now } = input;
      const { bestHour, zone } = recipient;
      if (!preferences.intelligentTiming || bestHour === null) return null;
      if (!isUnhurried(message.priority) || waiting.reason === "best_hour") return null;
      // A member of a group goes out when the group does.
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

const findBatchBounds = ({ preferences, statedPreferences, policy, load }: DecisionInput) =>
  batchBounds(preferences, statedPreferences, policy, load);

const formatInstant = (at: number | null) => (at === null ? null : new Date(at).toISOString());

const formatGroup = (group: DecisionInput["waiting"]["group"]) =>
  group && { ...group, closesAt: formatInstant(group.closesAt) };

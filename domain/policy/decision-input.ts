import { bestHour } from "./best-hour.ts";
import type { Load } from "./batching.ts";
import { type Addresses, type Channel, isReachable } from "../channel.ts";
import type { DecisionInput } from "./decision.ts";
import type { GrantLog } from "./limits.ts";
import type { NotificationType } from "./notification-type.ts";
import type { Policy } from "./policy.ts";
import {
  effectivePreferences,
  type EffectivePreferences,
  type Preferences,
} from "./preferences.ts";
import type { Priority } from "../priority.ts";
import type { Reason } from "../delivery/reasons.ts";
import type { SuppressionReason } from "../suppression.ts";

/** What the ledger knows about a delivery that is to be decided. */
export interface DecisionContext {
  now: number;
  recipient: Addresses & {
    erased: boolean;
    /** The channels on which the recipient has other addresses. */
    addressChannels: readonly Channel[];
    timeZone: string;
    /** The preferences that the recipient has set; null if there are none. */
    preferences: Preferences | null;
    engagedHours: readonly number[];
  };
  /** Why the address on the delivery's channel is on the suppression list; null if it is not. */
  suppression: SuppressionReason | null;
  delivery: {
    priority: Priority;
    channel: Channel;
    reason: Reason | null;
    holdCount: number;
    /** Null also if the group went out without the delivery. */
    group: DecisionInput["waiting"]["group"];
    stage: DecisionInput["message"]["stage"];
    topic: DecisionInput["message"]["topic"];
  };
  source: {
    askedAt: Date;
    occursAt: Date | null;
    expiresAt: Date | null;
    batchable: boolean;
    bypassRateLimit: boolean;
  };
  type: NotificationType | null;
  policy: Policy;
  grants: GrantLog;
  ahead: number;
  duplicate: boolean;
  superseded: boolean;
  undecided: boolean;
  load: Load;
}

/** Puts together the input of a decision from the facts of the ledger. */
export function buildDecisionInput(context: DecisionContext): DecisionInput {
  const { now, recipient, delivery, source, type, policy } = context;
  const { preferences: statedPreferences } = recipient;
  return {
    now,
    recipient: {
      erased: recipient.erased,
      hasAddress: isReachable(delivery.channel, recipient),
      suppression: context.suppression,
      zone: recipient.timeZone,
      bestHour: bestHour(recipient.engagedHours, policy.timing.minimumLooks),
    },
    message: {
      priority: delivery.priority,
      channel: delivery.channel,
      askedAt: source.askedAt.getTime(),
      occursAt: source.occursAt?.getTime() ?? null,
      expiresAt: source.expiresAt?.getTime() ?? null,
      batchable: source.batchable,
      bypassRateLimit: source.bypassRateLimit,
      duplicate: context.duplicate,
      superseded: context.superseded,
      stage: delivery.stage,
      topic: delivery.topic,
      undecided: context.undecided,
    },
    waiting: {
      reason: delivery.reason,
      holdCount: delivery.holdCount,
      group: delivery.group,
    },
    type,
    policy,
    preferences: findPreferences(policy, type, statedPreferences),
    statedPreferences,
    grants: context.grants,
    ahead: context.ahead,
    load: context.load,
  };
}

/** The preferences of recipients who have set none, which most have not. */
const presets = new WeakMap<Policy, Map<NotificationType | null, EffectivePreferences>>();

/** Merges the preferences that apply to a message. Those of recipients who have set none are merged once. */
export function findPreferences(
  policy: Policy,
  type: NotificationType | null,
  recipient: Preferences | null,
): EffectivePreferences {
  const merged = () =>
    effectivePreferences({
      organisation: policy.preferences,
      type: type?.preferences ?? null,
      recipient,
    });
  if (recipient !== null) return merged();
  let byType = presets.get(policy);
  if (!byType) presets.set(policy, (byType = new Map()));
  let preferences = byType.get(type);
  if (!preferences) byType.set(type, (preferences = merged()));
  return preferences;
}

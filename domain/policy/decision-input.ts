import { bestHour } from "./best-hour.ts";
import type { Load } from "./batching.ts";
import { type Addresses, addressOf, type Channel } from "../channel.ts";
import type { DecisionInput } from "./decide.ts";
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

/** What is known of a delivery when it is to be decided about, as the ledger has it. */
export interface DecisionContext {
  now: number;
  recipient: Addresses & {
    erased: boolean;
    timeZone: string;
    /** What they have said; null: nothing. */
    preferences: Preferences | null;
    engagedHours: readonly number[];
  };
  /** Why the address on the delivery's channel is on the suppression list; null: it is not. */
  suppression: SuppressionReason | null;
  delivery: {
    priority: Priority;
    channel: Channel;
    reason: Reason | null;
    holdCount: number;
    /** Null too where the group went out without it. */
    group: DecisionInput["waiting"]["group"];
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

export function buildDecisionInput(known: DecisionContext): DecisionInput {
  const { now, recipient, delivery, source, type, policy } = known;
  const { preferences: statedPreferences } = recipient;
  return {
    now,
    recipient: {
      erased: recipient.erased,
      hasAddress: addressOf(delivery.channel, recipient) !== null,
      suppression: known.suppression,
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
      duplicate: known.duplicate,
      superseded: known.superseded,
      undecided: known.undecided,
    },
    waiting: {
      reason: delivery.reason,
      holdCount: delivery.holdCount,
      group: delivery.group,
    },
    type,
    policy,
    preferences: presetsFor(policy, type, statedPreferences),
    statedPreferences,
    grants: known.grants,
    ahead: known.ahead,
    load: known.load,
  };
}

/** Most recipients have said nothing: what holds for them is the same for each. */
const unsaid = new WeakMap<Policy, Map<NotificationType | null, EffectivePreferences>>();

function presetsFor(
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
  let byType = unsaid.get(policy);
  if (!byType) unsaid.set(policy, (byType = new Map()));
  let preferences = byType.get(type);
  if (!preferences) byType.set(type, (preferences = merged()));
  return preferences;
}

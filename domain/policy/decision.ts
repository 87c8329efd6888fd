import type { Channel } from "../channel.ts";
import type { Reason } from "../delivery/reasons.ts";
import type { Priority } from "../priority.ts";
import type { SuppressionReason } from "../suppression.ts";
import type { BatchBounds, JoinRequest, Load } from "./batching.ts";
import type { GrantLog, Limit } from "./limits.ts";
import type { NotificationType } from "./notification-type.ts";
import type { Policy } from "./policy.ts";
import type { EffectivePreferences, Preferences } from "./preferences.ts";
import type { EarlierStage, ReachedLevel } from "./route.ts";

/** What the policy says about a delivery that is due. Instants are milliseconds since the epoch. */
export type Decision =
  /** The message is sent if these limits have room and `gapMs` have passed since the last message to its recipient. */
  | { kind: "send"; limits: readonly Limit[]; gapMs: number }
  | { kind: "hold"; reason: Reason; until: number }
  /** The delivery goes out together with others, as one message. */
  | { kind: "merge"; into: "batch"; joinRequest: JoinRequest; adapted: BatchBounds["adapted"] }
  | { kind: "merge"; into: "digest"; joinRequest: JoinRequest }
  | { kind: "suppress"; reason: Reason };

/** What a decision depends on, read again whenever a delivery is due. Instants are milliseconds since the epoch. */
export interface DecisionInput {
  now: number;
  recipient: {
    erased: boolean;
    hasAddress: boolean;
    /** Why the address is on the suppression list; null if it is not. */
    suppression: SuppressionReason | null;
    zone: string;
    /** The hour of the day at which the recipient usually reads messages; null if too little is known. */
    bestHour: number | null;
  };
  message: {
    priority: Priority;
    channel: Channel;
    /** The earliest time at which the message was to go out. */
    askedAt: number;
    /** The time of the event that the message announces; null if that is when it was requested. */
    occursAt: number | null;
    /** As in the request. The type's time to live applies too. */
    expiresAt: number | null;
    batchable: boolean;
    bypassRateLimit: boolean;
    /** Whether the same message was sent, or requested before this one, within the window. */
    duplicate: boolean;
    /** Whether a newer message with the same collapse key waits or was handed over. */
    superseded: boolean;
    /** What the stage depends on; null for a stage that begins at once. */
    stage: {
      minutes: number;
      /** The stage is left out if an earlier one has come this far. */
      unless: ReachedLevel;
      earlier: readonly EarlierStage[];
    } | null;
    /** The topic of the campaign; null without one. */
    topic: { key: string; isSubscribed: boolean } | null;
    /** Whether `duplicate` or `superseded` depends on a message that is due at the same time and not yet decided. */
    undecided: boolean;
  };
  /** How the delivery has waited so far. */
  waiting: {
    reason: Reason | null;
    /** The number of consecutive holds for that reason. */
    holdCount: number;
    /** The delivery's group; null if it is in none, or if the group went out without it. */
    group: {
      kind: "batch" | "digest";
      status: "open" | "full" | "closed";
      closesAt: number;
    } | null;
  };
  /** Null if the message has no type. */
  type: NotificationType | null;
  policy: Policy;
  preferences: EffectivePreferences;
  /** The preferences that the recipient has set; null if there are none. */
  statedPreferences: Preferences | null;
  grants: GrantLog;
  /** The number of messages to the recipient that come before this one. */
  ahead: number;
  load: Load;
}

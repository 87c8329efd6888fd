import type { Channel } from "../channel.ts";
import type { Reason } from "../delivery/reasons.ts";
import type { Priority } from "../priority.ts";
import type { SuppressionReason } from "../suppression.ts";
import type { OpenGroup } from "./batching.ts";
import type { Decision, DecisionInput } from "./decision.ts";
import type { DecisionContext } from "./decision-input.ts";
import type { NotificationType } from "./notification-type.ts";
import type { Policy } from "./policy.ts";

/** A message requested for one recipient. Instants are milliseconds since the epoch. */
export interface RequestedMessage {
  /** The UUID of its delivery. */
  id: string;
  /** The UUID of its notification. Of two messages, the one with the greater UUID is newer. Null for messages of campaigns, which supersede nothing. */
  notificationId: string | null;
  /** Whether the message repeats nothing and nothing supersedes it: a campaign's, or one that its recipient snoozed. */
  withoutRepeats: boolean;
  type: NotificationType | null;
  priority: Priority;
  channel: Channel;
  createdAt: number;
  /** The earliest time at which the message was to go out. */
  askedAt: number;
  occursAt: number | null;
  expiresAt: number | null;
  batchable: boolean;
  bypassRateLimit: boolean;
  dedupKey: string | null;
  /** Whether the message repeats one that is not simulated: one requested before it within the window, or one sent since. */
  repeats: "before" | "since" | null;
  /** Whether a newer message with the same collapse key, which is not simulated, was handed over. */
  superseded: boolean;
  /** The topic of its campaign, and whether the recipient is subscribed to it; null without one. */
  topic: DecisionInput["message"]["topic"];
  /** The message's own key; null if that of its type counts. */
  collapseKey: string | null;
  /** How the message waits when the simulation begins; null if it arrives when it was to go out. */
  waiting: { dueAt: number; reason: Reason | null; holdCount: number; group: string | null } | null;
}

/** A group that some of the waiting messages have joined. */
export type WaitingGroup = OpenGroup;

/** The outcome of a simulated message. */
export interface SimulatedOutcome {
  request: RequestedMessage;
  outcome: "sent" | "suppressed" | "waiting";
  /** When the message was sent or suppressed, or would be decided next. */
  at: number;
  /** Why the message was suppressed or waits. */
  reason: Reason | null;
  /** The id of one of the deliveries that went out as one message with this one; null if it was not sent. */
  message: string | null;
  /** The waits since the beginning of the simulation, in the order of time. */
  waits: { reason: Reason; from: number; until: number }[];
}

export interface Simulation {
  recipient: DecisionContext["recipient"] &
    Pick<DecisionContext, "grants"> & {
      /** Why the email address is on the suppression list; null if it is not. */
      suppression: SuppressionReason | null;
    };
  /** In the order of creation. */
  requests: readonly RequestedMessage[];
  groups?: readonly WaitingGroup[];
  policy: Policy;
  /** When the simulation begins: messages that are overdue are decided then. By default each is decided when it is due. */
  from?: number;
  /** The end of the simulation. The outcome of a message that has not ended by then is `waiting`. */
  until: number;
  /**
   * Called with each decision and its input. The input is valid only during the call. A message that was to be sent and found
   * no room is decided again at once.
   */
  watch?: (request: RequestedMessage, input: DecisionInput, decision: Decision) => void;
}

/** A message in a simulation, corresponding to a row of the ledger. */
export interface SimulatedRow {
  request: RequestedMessage;
  /** The position of the message in the order of creation. */
  order: number;
  dueAt: number;
  /** How often the message was given another `dueAt`. Its earlier entries in the queue are void. */
  turn: number;
  reason: Reason | null;
  holdCount: number;
  group: SimulatedGroup | null;
  source: DecisionContext["source"];
  outcome: SimulatedOutcome;
}

export interface SimulatedGroup extends WaitingGroup {
  members: Set<SimulatedRow>;
  /** The key that messages must share to be in this group. */
  key: string;
}

import type { Channel } from "../channel.ts";
import type { Reason } from "../delivery/reasons.ts";
import type { Priority } from "../priority.ts";
import type { OpenGroup } from "./batching.ts";
import type { Decision, DecisionInput } from "./decide.ts";
import type { DecisionContext } from "./decision-input.ts";
import type { NotificationType } from "./notification-type.ts";
import type { Policy } from "./policy.ts";

/** A message requested for one recipient. Instants are milliseconds since the epoch. */
export interface RequestedMessage {
  /** The UUID of its delivery. */
  id: string;
  /** The UUID of its notification, by which the newer of two is known; null: a campaign's, which supersedes nothing. */
  notificationId: string | null;
  /** It repeats nothing and nothing supersedes it: of a campaign, or snoozed by its recipient. */
  withoutRepeats: boolean;
  type: NotificationType | null;
  priority: Priority;
  channel: Channel;
  createdAt: number;
  /** When it was to go out at the earliest. */
  askedAt: number;
  occursAt: number | null;
  expiresAt: number | null;
  batchable: boolean;
  bypassRateLimit: boolean;
  dedupKey: string | null;
  /** Whether it repeats a message that is not simulated: one requested before it, within the window, or one sent since. */
  repeats: "before" | "since" | null;
  /** Whether a newer message with its collapse key, which is not simulated, has been handed over. */
  superseded: boolean;
  /** Its own; its type's counts where it has none. */
  collapseKey: string | null;
  /** How it waits as the simulation begins; null: it arrives when it was to go out. */
  waiting: { dueAt: number; reason: Reason | null; holdCount: number; group: string | null } | null;
}

/** A group in which some of the waiting messages are. */
export type WaitingGroup = OpenGroup;

/** What became of a message. */
export interface SimulatedOutcome {
  request: RequestedMessage;
  outcome: "sent" | "suppressed" | "waiting";
  /** When it was sent or suppressed, or when it would be decided about next. */
  at: number;
  /** Why it was suppressed, or waits. */
  reason: Reason | null;
  /** The id of one of the deliveries that went out as one message with it; null where it was not sent. */
  message: string | null;
  /** What it waited for since the beginning of the simulation, in the order of time. */
  waits: { reason: Reason; from: number; until: number }[];
}

export interface Simulation {
  recipient: DecisionContext["recipient"] & Pick<DecisionContext, "suppression" | "grants">;
  /** In the order in which they were created. */
  requests: readonly RequestedMessage[];
  groups?: readonly WaitingGroup[];
  policy: Policy;
  /** A message that has not ended by then waits. */
  until: number;
  /**
   * Called with each decision and its input, which is good only until it returns. A message that was to be sent and had no room
   * is decided about again at once.
   */
  watch?: (request: RequestedMessage, input: DecisionInput, decision: Decision) => void;
}

/** A message in a simulation, as a row of the ledger would be. */
export interface SimulatedRow {
  request: RequestedMessage;
  /** Its place among all, in the order of creation. */
  order: number;
  dueAt: number;
  /** Counts how often it was given another `dueAt`: its earlier entries in the queue are void. */
  turn: number;
  reason: Reason | null;
  holdCount: number;
  group: SimulatedGroup | null;
  source: DecisionContext["source"];
  outcome: SimulatedOutcome;
}

export interface SimulatedGroup extends WaitingGroup {
  members: Set<SimulatedRow>;
  /** Of the messages that may be in it. */
  key: string;
}

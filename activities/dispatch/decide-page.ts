import type { Repeats } from "../../ledger/repeats.ts";
import type { Rulebook } from "../../ledger/rulebook.ts";
import type { Load } from "../../domain/policy/batching.ts";
import { decide } from "../../domain/policy/decide.ts";
import type { Decision, DecisionInput } from "../../domain/policy/decision.ts";
import { isReleased } from "../../domain/policy/rules.ts";
import { buildDecisionInput } from "../../domain/policy/decision-input.ts";
import type { Channel } from "../../domain/channel.ts";
import { queueName, shardOf, waitingDigests } from "../../domain/delivery/queues.ts";
import { arrangeLimits } from "../../domain/policy/limits.ts";
import { chooseChannel, isQuiet, isRepeatSafe } from "../../domain/policy/route.ts";
import { nextHoldCount } from "../../domain/delivery/hold-count.ts";
import type { Reason } from "../../domain/delivery/reasons.ts";
import { settleInterrupted } from "../../domain/delivery/settle.ts";
import { type ChannelKnowledge, judgeDueStage } from "./judge-stage.ts";
import type { Item } from "./send-job.ts";
import { interruptedAttempt } from "./settlement.ts";
import {
  type Decided,
  type DueDelivery,
  type SettledDelivery,
  type WantedMessage,
} from "../../ledger/ledger.ts";
import type { Merging } from "../../ledger/merging.ts";

/** The facts that the decisions on a page of due deliveries depend on, read for that page. */
interface PageInput extends ChannelKnowledge {
  items: readonly Item[];
  at: Date;
  rulebook: Rulebook;
  load: Load;
  repeatsOf: (delivery: DueDelivery) => Repeats;
  /** The number of messages to a recipient that are already on their way. */
  ahead: (recipientId: string) => number;
  /**
   * When a channel was last in service again; null if it never had an outage. Deliveries that were due on it before that instant
   * were held back by the outage.
   */
  recoveredAt: (channel: Channel) => Date | null;
  attemptLimit: number;
  mailboxShards: number;
}

/** A message to hand over, with those of its items that the decision lets go. */
export interface Outgoing extends Omit<WantedMessage, "items"> {
  items: Item[];
  /** The message was held back with others, and these are released one after the other. */
  released: boolean;
}

/** What a page results in: rows to write, and messages to send. */
export interface PageDecisions {
  settled: SettledDelivery[];
  decided: Decided[];
  merging: Merging[];
  outgoing: Outgoing[];
}

/** The decision on a message (a group or a single delivery), which its first item determines. */
interface MessageDecision {
  decision: Decision;
  ahead: number;
  outgoing: Outgoing | null;
}

/** True if the group of a delivery went out without it. A delivery that was tried before stays with the group that it was tried with. */
export const wasLeftBehind = ({ group, attemptCount }: DueDelivery) =>
  group?.status === "closed" && attemptCount === 0;

/** Decides on each delivery of a page, in order. */
export function decidePage(input: PageInput): PageDecisions {
  const { at, rulebook } = input;
  const result: PageDecisions = { settled: [], decided: [], merging: [], outgoing: [] };
  const messages = new Map<string, MessageDecision>();
  /** For each recipient, the number of messages on this page that precede the next decision. */
  const before = new Map<string, number>();

  for (const item of input.items) {
    const { delivery, source } = item;
    if (delivery.interrupted) {
      result.settled.push(settleInterruption(item, input));
      continue;
    }
    if (wasLeftBehind(delivery)) {
      const again = { reason: "decide_again", dueAt: at, holdCount: 0, groupId: null } as const;
      result.decided.push({ ...decisionRow(item, input), ...again });
      continue;
    }
    const recipientId = delivery.recipient.id;
    const messageId = delivery.group?.id ?? delivery.id;
    const earlier = messages.get(messageId);
    const ahead = earlier?.ahead ?? input.ahead(recipientId) + (before.get(recipientId) ?? 0);
    const facts = buildInput(item, ahead, input);
    const judged = delivery.group === null ? judgeDueStage(item, facts.preferences, input) : null;
    const routed = judged && routeRow(item, judged, input);
    if (routed) {
      if ("settlement" in routed) result.settled.push(routed);
      else result.decided.push(routed);
      continue;
    }
    const own = decide(facts);
    // Members of a group go together: the decision on the first of them holds for all.
    const decision =
      earlier && (own.kind === "send" || own.kind === "hold") ? earlier.decision : own;
    switch (decision.kind) {
      case "suppress":
        result.decided.push(suppressRow(item, decision.reason, input));
        continue;
      case "merge":
        result.merging.push(mergeRow(item, decision, isReleased(facts), input));
        continue;
      case "hold":
        result.decided.push(
          holdRow(item, decision.reason, decision.until, decisionRow(item, input)),
        );
        break;
      case "send":
        earlier?.outgoing?.items.push(item);
    }
    if (earlier) continue;
    // A held message also takes a place: the messages after it get later ones. Messages that no limit counts take none.
    if (!isQuiet(delivery.channel)) before.set(recipientId, (before.get(recipientId) ?? 0) + 1);
    const outgoing =
      decision.kind === "send"
        ? {
            recipientId,
            typeNumber: delivery.group?.kind === "digest" ? 0 : (source.type?.number ?? 0),
            room: isQuiet(delivery.channel) ? null : arrangeLimits(decision.limits, decision.gapMs),
            policyVersion: rulebook.policyVersion,
            typeVersion: source.type?.version ?? null,
            preferencesVersion: delivery.preferencesVersion,
            items: [item],
            released: isReleased(facts),
          }
        : null;
    if (outgoing) result.outgoing.push(outgoing);
    messages.set(messageId, { decision, ahead, outgoing });
  }
  return result;
}

/**
 * Returns how the row of a delivery changes because of its route: it goes on on another channel, or it fails because no channel is left.
 * Null if it keeps its channel. The members of a group stay on the channel of the group.
 */
function routeRow(
  item: Item,
  { order, judge }: NonNullable<ReturnType<typeof judgeDueStage>>,
  input: PageInput,
): Decided | SettledDelivery | null {
  const { delivery } = item;
  const { channel } = chooseChannel(order, judge);
  if (delivery.failedChannels.length > 0 && judge(channel) !== null)
    return {
      id: delivery.id,
      token: null,
      channel: delivery.channel,
      attemptCount: delivery.attemptCount,
      attempts: [],
      settlement: { status: "failed", reason: "channels_exhausted" },
    };
  if (channel === delivery.channel) return null;
  return {
    ...decisionRow(item, input),
    reason: delivery.reason ?? "next_channel",
    dueAt: new Date(delivery.dueAt.getTime() + 1),
    holdCount: Math.max(delivery.holdCount, 1),
    groupId: null,
    channel,
  };
}

/** The rows of an outgoing message that has to wait for the release rate after all. */
export const holdOutgoing = (
  { items, policyVersion, typeVersion, preferencesVersion }: Outgoing,
  until: number,
  decidedAt: Date,
): Decided[] =>
  items.map((item) =>
    holdRow(item, "smoothed_release", until, {
      id: item.delivery.id,
      readDueAt: item.delivery.dueAt,
      decidedAt,
      policyVersion,
      typeVersion,
      preferencesVersion,
    }),
  );

/** Writes the interrupted attempt first. If the row stays pending, it is then decided on like any other. */
export function settleInterruption(
  { delivery, source }: Item,
  { at, attemptLimit }: Pick<PageInput, "at" | "attemptLimit">,
): SettledDelivery {
  const { id, token, attemptCount, forgivenCount } = delivery;
  const settlement = settleInterrupted(
    attemptCount - forgivenCount,
    isRepeatSafe(delivery.channel) ? "at_least_once" : source.guarantee,
    attemptLimit,
  ) ?? { status: "pending", reason: "retry", dueAt: at };
  return {
    id,
    token,
    channel: delivery.channel,
    attemptCount,
    attempts: [interruptedAttempt()],
    settlement,
  };
}

function buildInput(
  { delivery, source, stage }: Item,
  ahead: number,
  { at, rulebook, load, suppressionOf, repeatsOf, recoveredAt }: PageInput,
): DecisionInput {
  const repeats = repeatsOf(delivery);
  // An outage writes no rows: a row that was due during it still has no reason, or the reason that it was due for.
  const recovered = recoveredAt(delivery.channel);
  const outlived =
    recovered !== null &&
    delivery.dueAt < recovered &&
    (delivery.reason === null || delivery.reason === "batch" || delivery.reason === "digest");
  return buildDecisionInput({
    now: at.getTime(),
    recipient: {
      erased: delivery.erased,
      email: delivery.recipient.email,
      phone: delivery.recipient.phone,
      addressChannels: delivery.addressChannels,
      timeZone: delivery.recipient.timeZone,
      preferences: delivery.preferences,
      engagedHours: delivery.engagedHours,
    },
    suppression: suppressionOf(delivery, delivery.channel),
    delivery: {
      priority: delivery.priority,
      channel: delivery.channel,
      reason: outlived ? "provider_unavailable" : delivery.reason,
      holdCount: delivery.holdCount,
      group: delivery.group,
      stage: stage?.stage.after ? { ...stage.stage.after, earlier: stage.earlier } : null,
      topic: source.topic && { key: source.topic.key, isSubscribed: !delivery.isUnsubscribed },
    },
    source,
    type: source.type,
    policy: rulebook.policy,
    grants: delivery.grants,
    ahead,
    ...repeats,
    load,
  });
}

const decisionRow = ({ delivery, source }: Item, { at, rulebook }: PageInput) => ({
  id: delivery.id,
  readDueAt: delivery.dueAt,
  decidedAt: at,
  policyVersion: rulebook.policyVersion,
  typeVersion: source.type?.version ?? null,
  preferencesVersion: delivery.preferencesVersion,
});

const suppressRow = (item: Item, reason: Reason, input: PageInput): Decided => ({
  ...decisionRow(item, input),
  reason,
  dueAt: null,
  holdCount: 0,
  groupId: item.delivery.group?.id ?? null,
});

const holdRow = (
  { delivery }: Item,
  reason: Reason,
  until: number,
  row: ReturnType<typeof decisionRow>,
): Decided => ({
  ...row,
  reason,
  dueAt: new Date(until),
  holdCount: nextHoldCount(delivery, reason),
  groupId: delivery.group?.id ?? null,
});

function mergeRow(
  item: Item,
  decision: Extract<Decision, { kind: "merge" }>,
  released: boolean,
  input: PageInput,
): Merging {
  const { delivery, source } = item;
  const recipientId = delivery.recipient.id;
  const row = {
    ...decisionRow(item, input),
    recipientId,
    channel: delivery.channel,
    joinRequest: decision.joinRequest,
    holdCount: nextHoldCount(delivery, decision.into),
    released,
  };
  if (decision.into === "digest")
    return {
      ...row,
      kind: "digest",
      typeId: null,
      priority: null,
      adapted: null,
      queue: waitingDigests,
    };
  return {
    ...row,
    kind: "batch",
    typeId: source.type?.id ?? null,
    priority: delivery.priority,
    adapted: decision.adapted,
    queue: queueName({ kind: "mailbox", shard: shardOf(recipientId, input.mailboxShards) }),
  };
}

import type { Repeats } from "../../ledger/repeats.ts";
import type { SuppressionReason } from "../../domain/suppression.ts";
import type { Rulebook } from "../../ledger/rulebook.ts";
import type { Load } from "../../domain/policy/batching.ts";
import {
  decide,
  type Decision,
  type DecisionInput,
  isReleased,
} from "../../domain/policy/decide.ts";
import { buildDecisionInput } from "../../domain/policy/decision-input.ts";
import type { Channel } from "../../domain/channel.ts";
import { queueName, shardOf, waitingDigests } from "../../domain/delivery/queues.ts";
import { limitsNeeded } from "../../domain/policy/limits.ts";
import { nextHoldCount } from "../../domain/delivery/hold-count.ts";
import type { Reason } from "../../domain/delivery/reasons.ts";
import { settleInterrupted } from "../../domain/delivery/settle.ts";
import type { Item } from "./send-job.ts";
import { interruptedAttempt } from "./settlement.ts";
import {
  type Decided,
  type DueDelivery,
  type SettledDelivery,
  type WantedMessage,
} from "../../ledger/ledger.ts";
import type { Merging } from "../../ledger/merging.ts";

/** What a page of due deliveries is decided with, read for it. */
interface PageInput {
  items: readonly Item[];
  at: Date;
  rulebook: Rulebook;
  load: Load;
  suppressionOf: (delivery: DueDelivery) => SuppressionReason | null;
  repeatsOf: (delivery: DueDelivery) => Repeats;
  /** Messages to a recipient that are on their way already. */
  ahead: (recipientId: string) => number;
  /** When a channel was last in service again: what was due on it before was held back by an outage; null: there was none. */
  recoveredAt: (channel: Channel) => Date | null;
  attemptLimit: number;
  mailboxShards: number;
}

/** A message to hand over: of its items those that were decided to go. */
export interface Outgoing extends Omit<WantedMessage, "items"> {
  items: Item[];
  /** It was held back with others, which are released one after the other. */
  released: boolean;
}

/** What is to be written, and what is to be sent. */
export interface PageDecisions {
  settled: SettledDelivery[];
  decided: Decided[];
  merging: Merging[];
  outgoing: Outgoing[];
}

/** Members of a group, or one by itself, and what the first of them was told. */
interface Together {
  decision: Decision;
  ahead: number;
  outgoing: Outgoing | null;
}

/** Its group went out without it. One that was tried before belongs to what was tried. */
export const wasLeftBehind = ({ group, attemptCount }: DueDelivery) =>
  group?.status === "closed" && attemptCount === 0;

/** Decides about each delivery of a page, in its order. */
export function decidePage(input: PageInput): PageDecisions {
  const { at, rulebook } = input;
  const result: PageDecisions = { settled: [], decided: [], merging: [], outgoing: [] };
  const messages = new Map<string, Together>();
  /** Messages of this page to each recipient that come before what is decided next. */
  const before = new Map<string, number>();

  for (const item of input.items) {
    const { delivery, source } = item;
    if (delivery.interrupted) {
      result.settled.push(afterInterruption(item, input));
      continue;
    }
    if (wasLeftBehind(delivery)) {
      const again = { reason: "decide_again", dueAt: at, holdCount: 0, groupId: null } as const;
      result.decided.push({ ...known(item, input), ...again });
      continue;
    }
    const recipientId = delivery.recipient.id;
    const messageId = delivery.group?.id ?? delivery.id;
    const together = messages.get(messageId);
    const ahead = together?.ahead ?? input.ahead(recipientId) + (before.get(recipientId) ?? 0);
    const facts = knownFacts(item, ahead, input);
    const own = decide(facts);
    // Members of a group go together: what the first of them is told holds for all.
    const decision =
      together && (own.kind === "send" || own.kind === "hold") ? together.decision : own;
    switch (decision.kind) {
      case "suppress":
        result.decided.push(suppressed(item, decision.reason, input));
        continue;
      case "merge":
        result.merging.push(mergingOf(item, decision, isReleased(facts), input));
        continue;
      case "hold":
        result.decided.push(heldUntil(item, decision.reason, decision.until, known(item, input)));
        break;
      case "send":
        together?.outgoing?.items.push(item);
    }
    if (together) continue;
    // Also what is held has its place: those after it take later ones.
    before.set(recipientId, (before.get(recipientId) ?? 0) + 1);
    const outgoing =
      decision.kind === "send"
        ? {
            recipientId,
            typeNumber: delivery.group?.kind === "digest" ? 0 : (source.type?.number ?? 0),
            room: limitsNeeded(decision.limits, decision.gapMs),
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

/** An outgoing message that is to wait after all. */
export const heldBack = (
  { items, policyVersion, typeVersion, preferencesVersion }: Outgoing,
  until: number,
  decidedAt: Date,
): Decided[] =>
  items.map((item) =>
    heldUntil(item, "smoothed_release", until, {
      id: item.delivery.id,
      readDueAt: item.delivery.dueAt,
      decidedAt,
      policyVersion,
      typeVersion,
      preferencesVersion,
    }),
  );

/** The evidence is written first; then the row is decided about like any other. */
function afterInterruption(
  { delivery, source }: Item,
  { at, attemptLimit }: PageInput,
): SettledDelivery {
  const { id, token, attemptCount, forgivenCount } = delivery;
  const settlement = settleInterrupted(
    attemptCount - forgivenCount,
    source.guarantee,
    attemptLimit,
  ) ?? { status: "pending", reason: "retry", dueAt: at };
  return { id, token, attemptCount, attempts: [interruptedAttempt()], settlement };
}

function knownFacts(
  { delivery, source }: Item,
  ahead: number,
  { at, rulebook, load, suppressionOf, repeatsOf, recoveredAt }: PageInput,
): DecisionInput {
  const repeats = repeatsOf(delivery);
  // A closed gate writes no rows: what was due while it was closed says nothing of it, or still what it was due for.
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
      timeZone: delivery.recipient.timeZone,
      preferences: delivery.preferences,
      engagedHours: delivery.engagedHours,
    },
    suppression: suppressionOf(delivery),
    delivery: {
      priority: delivery.priority,
      channel: delivery.channel,
      reason: outlived ? "provider_unavailable" : delivery.reason,
      holdCount: delivery.holdCount,
      group: delivery.group,
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

const known = ({ delivery, source }: Item, { at, rulebook }: PageInput) => ({
  id: delivery.id,
  readDueAt: delivery.dueAt,
  decidedAt: at,
  policyVersion: rulebook.policyVersion,
  typeVersion: source.type?.version ?? null,
  preferencesVersion: delivery.preferencesVersion,
});

const suppressed = (item: Item, reason: Reason, input: PageInput): Decided => ({
  ...known(item, input),
  reason,
  dueAt: null,
  holdCount: 0,
  groupId: item.delivery.group?.id ?? null,
});

const heldUntil = (
  { delivery }: Item,
  reason: Reason,
  until: number,
  row: ReturnType<typeof known>,
): Decided => ({
  ...row,
  reason,
  dueAt: new Date(until),
  holdCount: nextHoldCount(delivery, reason),
  groupId: delivery.group?.id ?? null,
});

function mergingOf(
  item: Item,
  decision: Extract<Decision, { kind: "merge" }>,
  released: boolean,
  input: PageInput,
): Merging {
  const { delivery, source } = item;
  const recipientId = delivery.recipient.id;
  const row = {
    ...known(item, input),
    recipientId,
    channel: delivery.channel,
    joining: decision.joining,
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

import type { Pool } from "pg";
import type { Channel } from "../../domain/channel.ts";
import type { RecipientFacts } from "../../domain/filter.ts";
import { type ChosenRoute, chooseRoute, commonRoute } from "../../domain/policy/resolve-route.ts";
import { type RoutedStage, routeStages } from "../../domain/policy/route-stages.ts";
import { simulateInSteps } from "../../domain/policy/simulate.ts";
import type { SimulatedOutcome } from "../../domain/policy/simulate-types.ts";
import type { TemplateContent } from "../../domain/templates/content.ts";
import { dayMs } from "../../domain/time/durations.ts";
import { readPendingMessages } from "../../ledger/pending-messages.ts";
import { findRepeating } from "../../ledger/repeats.ts";
import { readRoutingFacts } from "../../ledger/routing-facts.ts";
import type { Rulebook } from "../../ledger/rulebook.ts";
import { executeOn } from "../../ledger/sql.ts";
import { readSubscriptions } from "../../ledger/topic-subscriptions.ts";
import { createYield } from "../../lib/yielding.ts";
import { planPreviewed, type PreviewedMessage, toRequest } from "../policy/previewed-message.ts";
import type { PreviewedRecipient } from "./recipients.ts";

/** The longest time for which recipients are decided, in milliseconds. */
const deadlineMs = 10_000;
/** The largest number of waiting messages that are read for each recipient. */
const pendingLimit = 200;
/** How far ahead the messages that wait now are simulated. Those that still wait then are left out of account for later messages. */
const foreseenMs = dayMs;

/** What would happen to a message to one recipient. */
export interface PreviewedRecipientOutcome {
  recipient: PreviewedRecipient;
  chosen: ChosenRoute;
  /** The stages that begin at once, each with what would happen to it at the time of the message. */
  deliveries: { stage: RoutedStage; outcome: SimulatedOutcome }[];
  /** The stages that begin some time after another one. */
  later: readonly RoutedStage[];
}

/** The recipients in lists of any length. */
export type Pages =
  | Iterable<readonly PreviewedRecipient[]>
  | AsyncIterable<readonly PreviewedRecipient[]>;

interface Preview {
  message: PreviewedMessage & {
    /** The content of the template, which decides for which channels the message has content. */
    content: TemplateContent;
  };
  rulebook: Rulebook;
  now: Date;
  isOffered: (channel: Channel) => boolean;
}

/**
 * Decides for each recipient what dispatch would decide about the message when it is due, by the functions that dispatch uses, together with
 * the messages that wait for the recipient. Changes nothing. Ends early after ten seconds, and lets other work of the event loop proceed in
 * between.
 */
export async function* previewForRecipients(
  pool: Pool,
  { message, rulebook, now, isOffered }: Preview,
  pages: Pages,
): AsyncGenerator<PreviewedRecipientOutcome, void> {
  const endsAt = performance.now() + deadlineMs;
  const yieldTurn = createYield();
  const { policy, types } = rulebook;
  const { deduplicationSeconds } = policy;
  const { type, topic, content, dedupKey, at } = message;
  const plan = planPreviewed(rulebook, message);
  const common = commonRoute(plan);
  const isForeseen = at.getTime() <= now.getTime() + foreseenMs;

  for await (const page of pages) {
    const ids = page.flatMap(({ state, exists }) => (exists ? state.id : []));
    const pending = isForeseen
      ? await readPendingMessages(pool, ids, types, { deduplicationSeconds, limit: pendingLimit })
      : null;
    const repeating = await findRepeating(
      pool,
      { recipientIds: ids, dedupKey, at },
      deduplicationSeconds,
    );
    const subscriptionOf = topic && (await readSubscriptions(executeOn(pool), ids, [topic.id]));
    const facts = common === null ? await readFacts(pool, page) : null;
    for (const recipient of page) {
      if (performance.now() > endsAt) return;
      const { state } = recipient;
      const known = facts?.get(state.id);
      const chosen = common ?? (known ? chooseRoute(plan, known) : null);
      // The recipient was erased meanwhile.
      if (chosen === null) continue;
      // The messages of a campaign keep its priority.
      const priority =
        (message.source === "notification" ? chosen.priority : undefined) ?? message.priority;
      const stages = routeStages({
        route: chosen.route,
        type,
        policy,
        priority,
        content,
        recipient: state,
        isOffered,
      });
      const begun = stages.filter(({ stage }) => stage.after === undefined);
      const isRepeat = repeating.has(state.id);
      const isSubscribed =
        topic !== null && subscriptionOf?.(state.id, topic.id)?.status === "subscribed";
      const own = begun.map(({ channel }) =>
        toRequest(message, { priority, channel, isRepeat, isSubscribed }),
      );
      const { requests = [], groups = [] } = pending?.get(state.id) ?? {};
      const simulation = simulateInSteps({
        recipient: state,
        requests: [...requests, ...own],
        groups,
        policy,
        from: now.getTime(),
        until: at.getTime(),
      });
      let step = simulation.next();
      for (; !step.done; step = simulation.next()) await yieldTurn();
      const outcomes = step.value.slice(-own.length);
      yield {
        recipient,
        chosen,
        deliveries: begun.map((stage, index) => ({ stage, outcome: outcomes[index]! })),
        later: stages.filter(({ stage }) => stage.after !== undefined),
      };
    }
  }
}

async function readFacts(
  pool: Pool,
  page: readonly PreviewedRecipient[],
): Promise<ReadonlyMap<string, RecipientFacts>> {
  const unread = page.flatMap(({ state, facts }) => (facts === null ? state.id : []));
  const rows =
    unread.length === 0
      ? []
      : await readRoutingFacts(executeOn(pool), { externalIds: [], recipientIds: unread });
  return new Map([
    ...page.flatMap(({ state, facts }) => (facts === null ? [] : [[state.id, facts] as const])),
    ...rows.flatMap((row) => (row === null ? [] : [[row.id, row] as const])),
  ]);
}

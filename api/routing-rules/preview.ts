import type { Pool } from "pg";
import type { RecipientFacts } from "../../domain/filter.ts";
import { creationOf, firstUuidAt, newestUuid } from "../../domain/ids.ts";
import {
  type ChosenRoute,
  chooseRoute,
  commonRoute,
  planRoutes,
} from "../../domain/policy/resolve-route.ts";
import type { RoutingRule } from "../../domain/policy/routing-rule.ts";
import { hourMs } from "../../domain/time/durations.ts";
import {
  firstDeliveries,
  type FirstDelivery,
  type RecentNotification,
  recentNotifications,
} from "../../ledger/recent-messages.ts";
import { readRoutingFacts } from "../../ledger/routing-facts.ts";
import { createRoutes } from "../../ledger/routes.ts";
import type { Rulebook } from "../../ledger/rulebook.ts";
import { type Execute, executeOn } from "../../ledger/sql.ts";
import { createYield } from "../../lib/yielding.ts";
import { createTally, type RoutingTally } from "./preview-tally.ts";

/** How far back notifications are looked at. */
export const previewHours = 24;
/** The longest time for which messages are read, in milliseconds. */
const deadlineMs = 10_000;
/** How many are read at once. The data of a notification may be as long as a request. */
const notificationsAtOnce = 25;
const deliveriesAtOnce = 1_000;

export interface RoutingPreview extends RoutingTally {
  /** The beginning of the time that was looked at. */
  from: Date;
  /** If not all messages were looked at: when the oldest notification that was had been accepted. */
  cutOffAt: Date | null;
}

interface Comparison {
  before: readonly RoutingRule[];
  after: readonly RoutingRule[];
  /** The largest number of messages to look at. */
  limit: number;
  now: Date;
}

/**
 * Chooses the routes of the notifications of the last day again, by two lists of rules, newest first. Recipients, types and the policy are as
 * they are now, and every template that a rule names is used. Messages whose request has a route of its own, and messages of erased
 * recipients, are only counted. Ends after the limit, or after ten seconds, and lets other work of the event loop proceed in between.
 */
export async function previewRules(
  pool: Pick<Pool, "query">,
  rulebook: Pick<Rulebook, "types" | "policy" | "policyVersion">,
  { before, after, limit, now }: Comparison,
): Promise<RoutingPreview> {
  const execute = executeOn(pool);
  const { readRoutes } = createRoutes(pool);
  const tally = createTally(after);
  const yieldTurn = createYield();
  const from = new Date(now.getTime() - previewHours * hourMs);
  const endsAt = performance.now() + deadlineMs;
  let left = limit;
  let oldest: string | null = null;
  let isCut = false;

  const pages = readMessages(execute, firstUuidAt(from), {
    prepare: (notification) => createChooser(rulebook, notification, before, after),
    countWanted: () => (performance.now() > endsAt ? 0 : left),
  });
  for await (const { deliveries, choosers, isBeyond } of pages) {
    isCut = isBeyond;
    if (isBeyond) break;
    const stored = await readRoutes(deliveries.flatMap(({ routeId }) => routeId ?? []));
    const facts = await readFacts(
      execute,
      deliveries.filter(({ notificationId }) => !choosers.get(notificationId)!.isCommon),
    );
    for (const delivery of deliveries) {
      const { isCommon, choose } = choosers.get(delivery.notificationId)!;
      const recipient = facts.get(delivery.recipientId);
      if (delivery.routeId !== null && stored.get(delivery.routeId)?.origin === "request")
        tally.skip(delivery, "requested");
      else if (!isCommon && !recipient) tally.skip(delivery, "erased");
      else tally.add(delivery, ...choose(recipient!));
      await yieldTurn();
    }
    left -= deliveries.length;
    oldest = deliveries.at(-1)!.notificationId;
  }
  return {
    ...tally.count(),
    from,
    cutOffAt: isCut ? (oldest === null ? now : creationOf(oldest)) : null,
  };
}

/** Chooses the routes of one notification by both lists of rules. */
interface Chooser {
  /** Whether the routes are the same for all recipients. The recipient is then not used. */
  isCommon: boolean;
  choose: (recipient: RecipientFacts) => readonly [ChosenRoute, ChosenRoute];
}

function createChooser(
  { types, policy, policyVersion }: Pick<Rulebook, "types" | "policy" | "policyVersion">,
  notification: RecentNotification,
  before: readonly RoutingRule[],
  after: readonly RoutingRule[],
): Chooser {
  const { typeId, priority, data, entityId, sendAt } = notification;
  const type = typeId === null ? null : (types.get(typeId) ?? null);
  const choosing = (rules: readonly RoutingRule[]) => {
    const plan = planRoutes({
      requested: null,
      rules,
      type,
      policy: { version: policyVersion, route: policy.route },
      message: {
        type: type?.key ?? null,
        priority,
        data,
        entityId,
        source: "notification",
        sendAt,
      },
      findTemplateVersion: (key) => key,
    });
    const common = commonRoute(plan);
    return {
      common,
      choose: (recipient: RecipientFacts) => common ?? chooseRoute(plan, recipient),
    };
  };
  const [old, changed] = [choosing(before), choosing(after)];
  return {
    isCommon: old.common !== null && changed.common !== null,
    choose: (recipient) => [old.choose(recipient), changed.choose(recipient)],
  };
}

interface MessagePage {
  deliveries: readonly FirstDelivery[];
  /** By the id of the notification. */
  choosers: ReadonlyMap<string, Chooser>;
  /** Whether these deliveries are beyond those that are wanted. They are then the last ones. */
  isBeyond: boolean;
}

/** Reads messages in pages, newest first, until one is found that is not wanted any more. */
async function* readMessages(
  execute: Execute,
  from: string,
  {
    prepare,
    countWanted,
  }: { prepare: (notification: RecentNotification) => Chooser; countWanted: () => number },
): AsyncGenerator<MessagePage, void> {
  for (let before = newestUuid; ;) {
    const notifications: RecentNotification[] = await execute(recentNotifications, {
      from,
      before,
      limit: notificationsAtOnce,
    });
    const choosers = new Map(notifications.map((row) => [row.id, prepare(row)]));
    let after = { below: newestUuid, belowRecipient: newestUuid };
    for (;;) {
      const wanted = countWanted();
      const limit = Math.max(1, Math.min(deliveriesAtOnce, wanted));
      const deliveries: FirstDelivery[] = await execute(firstDeliveries, {
        notificationIds: [...choosers.keys()],
        ...after,
        limit,
      });
      if (deliveries.length > 0) yield { deliveries, choosers, isBeyond: wanted <= 0 };
      if (deliveries.length < limit) break;
      const { notificationId, recipientId } = deliveries.at(-1)!;
      after = { below: notificationId, belowRecipient: recipientId };
    }
    if (notifications.length < notificationsAtOnce) return;
    before = notifications.at(-1)!.id;
  }
}

async function readFacts(
  execute: Execute,
  deliveries: readonly FirstDelivery[],
): Promise<ReadonlyMap<string, RecipientFacts>> {
  if (deliveries.length === 0) return new Map();
  const recipientIds = [...new Set(deliveries.map(({ recipientId }) => recipientId))];
  const facts = await readRoutingFacts(execute, { externalIds: [], recipientIds });
  return new Map(facts.flatMap((one) => (one === null ? [] : [[one.id, one]])));
}

import {
  commonRoute,
  type ChosenRoute,
  chooseRoute,
  planRoutes,
} from "../../domain/policy/resolve-route.ts";
import type { NotificationType } from "../../domain/policy/notification-type.ts";
import type { Priority } from "../../domain/priority.ts";
import type { NewNotification } from "../../domain/notification.ts";
import { readRoutingFacts, type RoutedNames } from "../../ledger/routing-facts.ts";
import type { Routes } from "../../ledger/routes.ts";
import type { Rulebook } from "../../ledger/rulebook.ts";
import type { Execute } from "../../ledger/sql.ts";

/** The routes of a notification's recipients. */
export interface ChosenRoutes {
  /** The ids in the order of the external ids and then of the UUIDs; null where all recipients have the default route. */
  ids: (number | null)[] | null;
}

/**
 * Chooses the routes of a notification. The recipients are read only if a routing rule depends on them. A recipient who does not exist has
 * no route: their request is refused later.
 */
export async function chooseRoutes(
  { routes, execute }: { routes: Routes; execute: Execute },
  { policy, policyVersion, routingRules, ruleTemplates }: Rulebook,
  {
    notification: { route: requested, data, entityId },
    type,
    priority,
    sendAt,
    names,
  }: {
    notification: Pick<NewNotification, "route" | "data" | "entityId">;
    type: NotificationType | null;
    priority: Priority;
    sendAt: Date;
    names: RoutedNames;
  },
): Promise<ChosenRoutes> {
  const plan = planRoutes({
    requested,
    rules: routingRules,
    type,
    policy: { version: policyVersion, route: policy.route },
    message: {
      type: type?.key ?? null,
      priority,
      data,
      entityId: entityId ?? null,
      source: "notification",
      sendAt,
    },
    findTemplateVersion: (key) => ruleTemplates.get(key) ?? null,
  });
  const common = commonRoute(plan);
  if (common?.origin === "default") return { ids: null };
  const count = names.externalIds.length + names.recipientIds.length;
  const chosen = common
    ? Array.from({ length: count }, () => common)
    : (await readRoutingFacts(execute, names)).map((facts) => facts && chooseRoute(plan, facts));
  const stored = await storeRoutes(routes, chosen);
  return { ids: chosen.map((one) => (one === null ? null : (stored.get(one) ?? null))) };
}

/** The ids of the routes, without those of the default route, which needs none. */
async function storeRoutes(
  routes: Routes,
  chosen: readonly (ChosenRoute | null)[],
): Promise<Map<ChosenRoute, number>> {
  const distinct = [
    ...new Set(chosen.flatMap((one) => (one === null || one.origin === "default" ? [] : [one]))),
  ];
  const ids = await routes.routeIds(
    distinct.map(({ origin, route: document }) => ({ origin, document })),
  );
  return new Map(distinct.map((one, index) => [one, ids[index]!]));
}

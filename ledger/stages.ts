import type { Pool } from "pg";
import type { DeliveryStatus } from "../domain/delivery/status.ts";
import {
  type EarlierStage,
  type ReachedLevel,
  type ResolvedRoute,
  type Stage,
  stageOfLeg,
} from "../domain/policy/route.ts";
import { isStage } from "./conditions.ts";
import type { DueDelivery } from "./due-delivery.ts";
import { createRoutes } from "./routes.ts";
import { defineStatement, executeOn } from "./sql.ts";

/** The stage of a route that a delivery is. */
export interface DeliveryStage {
  route: ResolvedRoute;
  /** The number of the stage; 0 for the first. */
  number: number;
  stage: Stage;
  /** The stages before it, where the stage depends on them. */
  earlier: readonly EarlierStage[];
}

interface EarlierRow {
  id: string;
  leg: string;
  status: DeliveryStatus;
  dueAt: Date | null;
  level: Exclude<ReachedLevel, "sent" | "delivered"> | null;
}

/** What the recipient did with a delivery, as a level; null where nothing is known. `g` is a row of `engagements`. */
export const levelOf = (g: string) =>
  `CASE WHEN ${g}.acted_at IS NOT NULL THEN 'acted' WHEN ${g}.read_at IS NOT NULL THEN 'read' WHEN ${g}.seen_at IS NOT NULL THEN 'seen' END`;

const earlierStatement = defineStatement<{ ids: readonly string[] }, EarlierRow>(
  `SELECT o.id, d.leg, d.status, d.due_at AS "dueAt", ${levelOf("g")} AS level
   FROM unnest(:ids::uuid[]) AS o(id) JOIN deliveries own ON own.id = o.id
     JOIN deliveries d ON d.recipient_id = own.recipient_id AND d.id <> own.id
       AND (d.campaign_id = own.campaign_id OR d.notification_id = own.notification_id)
     LEFT JOIN engagements g ON g.delivery_id = d.id
   WHERE ${isStage("d")} AND d.leg < own.leg`,
  "earlier-stages",
);

/** Finds the stages of deliveries with routes. */
export interface Stages {
  /** Resolves with a function that returns null for a delivery without a route, and for a snoozed message. */
  of(
    deliveries: readonly Pick<DueDelivery, "id" | "leg" | "routeId">[],
  ): Promise<(delivery: Pick<DueDelivery, "id">) => DeliveryStage | null>;
}

const noStage = () => null;

export function createStages(pool: Pick<Pool, "query">): Stages {
  const { readRoutes } = createRoutes(pool);
  return {
    async of(deliveries) {
      const routed = deliveries.filter(({ routeId }) => routeId !== null);
      if (routed.length === 0) return noStage;
      const routes = await readRoutes(routed.map(({ routeId }) => routeId!));
      const stages = new Map<string, DeliveryStage>();
      for (const { id, leg, routeId } of routed) {
        const number = stageOfLeg(leg);
        const route = routes.get(routeId!)!.document;
        const stage = number === null ? undefined : route.stages[number];
        if (number !== null && stage) stages.set(id, { route, number, stage, earlier: [] });
      }
      const later = [...stages].flatMap(([id, { stage }]) => (stage.after ? [id] : []));
      const earlier =
        later.length === 0 ? [] : await executeOn(pool)(earlierStatement, { ids: later });
      for (const id of later)
        stages.set(id, {
          ...stages.get(id)!,
          earlier: earlier.filter((row) => row.id === id).map(toEarlierStage),
        });
      return ({ id }) => stages.get(id) ?? null;
    },
  };
}

const sentStatuses: readonly DeliveryStatus[] = ["sent", "delivered", "unknown"];

/** A message that may have arrived counts as sent: nobody is to be told twice because of a doubt. */
function toEarlierStage({ leg, status, dueAt, level }: EarlierRow): EarlierStage {
  const sent = status === "delivered" ? "delivered" : sentStatuses.includes(status) ? "sent" : null;
  return {
    number: stageOfLeg(leg)!,
    reached: level ?? sent,
    dueAt: dueAt?.getTime() ?? null,
  };
}

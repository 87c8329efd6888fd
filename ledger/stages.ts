import type { Pool } from "pg";
import type { DeliveryStatus } from "../domain/delivery/status.ts";
import {
  type EarlierStage,
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
  /** What chose the route. */
  origin: string;
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
  finishedAt: Date | null;
  seenAt: Date | null;
  readAt: Date | null;
  actedAt: Date | null;
}

const earlierStatement = defineStatement<{ ids: readonly string[] }, EarlierRow>(
  `SELECT o.id, d.leg, d.status, d.due_at AS "dueAt", d.finished_at AS "finishedAt", g.seen_at AS "seenAt", g.read_at AS "readAt", g.acted_at AS "actedAt"
   FROM unnest(:ids::uuid[]) AS o(id) JOIN deliveries own ON own.id = o.id
     JOIN deliveries d ON d.recipient_id = own.recipient_id AND d.id <> own.id
       AND (d.campaign_id = own.campaign_id OR d.notification_id = own.notification_id)
     LEFT JOIN engagements g ON g.delivery_id = d.id
   WHERE ${isStage("d")} AND d.leg < own.leg`,
  "earlier-stages",
);

/** Finds the stages of deliveries with routes. */
export interface Stages {
  /**
   * Resolves with a function that returns null for a delivery without a route, and for a snoozed message. With `asOf`, only what had happened
   * by then counts.
   */
  of(
    deliveries: readonly Pick<DueDelivery, "id" | "leg" | "routeId">[],
    asOf?: Date,
  ): Promise<(delivery: Pick<DueDelivery, "id">) => DeliveryStage | null>;
}

const noStage = () => null;

export function createStages(pool: Pick<Pool, "query">): Stages {
  const { readRoutes } = createRoutes(pool);
  return {
    async of(deliveries, asOf) {
      const routed = deliveries.filter(({ routeId }) => routeId !== null);
      if (routed.length === 0) return noStage;
      const routes = await readRoutes(routed.map(({ routeId }) => routeId!));
      const stages = new Map<string, DeliveryStage>();
      for (const { id, leg, routeId } of routed) {
        const number = stageOfLeg(leg);
        const { document: route, origin } = routes.get(routeId!)!;
        const stage = number === null ? undefined : route.stages[number];
        if (number !== null && stage) stages.set(id, { route, origin, number, stage, earlier: [] });
      }
      const later = [...stages].flatMap(([id, { stage }]) => (stage.after ? [id] : []));
      const earlier =
        later.length === 0 ? [] : await executeOn(pool)(earlierStatement, { ids: later });
      for (const id of later)
        stages.set(id, {
          ...stages.get(id)!,
          earlier: earlier.filter((row) => row.id === id).map((row) => toEarlierStage(row, asOf)),
        });
      return ({ id }) => stages.get(id) ?? null;
    },
  };
}

const sentStatuses: readonly DeliveryStatus[] = ["sent", "delivered", "unknown"];

/** A message that may have arrived counts as sent: nobody gets it twice because of a doubt. */
function toEarlierStage(row: EarlierRow, asOf: Date | undefined): EarlierStage {
  const { leg, status, dueAt, finishedAt, seenAt, readAt, actedAt } = row;
  const happened = (at: Date | null) => at !== null && (asOf === undefined || at <= asOf);
  const hasEnded = happened(finishedAt);
  const sent = !hasEnded
    ? null
    : status === "delivered"
      ? "delivered"
      : sentStatuses.includes(status)
        ? "sent"
        : null;
  return {
    number: stageOfLeg(leg)!,
    reached: happened(actedAt)
      ? "acted"
      : happened(readAt)
        ? "read"
        : happened(seenAt)
          ? "seen"
          : sent,
    // When a stage that has ended since was due is not recorded.
    dueAt: hasEnded ? null : (dueAt ?? finishedAt)!.getTime(),
  };
}

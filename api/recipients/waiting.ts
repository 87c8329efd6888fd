import { z } from "@hono/zod-openapi";
import type { Pool } from "pg";
import { channels, isReachable } from "../../domain/channel.ts";
import { deliveryStatuses } from "../../domain/delivery/status.ts";
import type { EffectivePreferences } from "../../domain/policy/preferences.ts";
import { type ProjectedStage, projectStages } from "../../domain/policy/project-stages.ts";
import {
  orderOfStage,
  reachedLevels,
  type Route,
  type Stage,
  stageLeg,
  stageOfLeg,
} from "../../domain/policy/route.ts";
import type { RecipientState } from "../../ledger/recipient-snapshot.ts";
import type { Routes } from "../../ledger/routes.ts";
import { executeOn } from "../../ledger/sql.ts";
import { readStops } from "../../ledger/stops.ts";
import {
  deliveryAnswer,
  deliveryColumns,
  ledgerJson,
  type DeliveryRow,
} from "../deliveries/store.ts";
import { type Outage, outagesAnswer, outagesOf } from "../deliveries/outages.ts";

/** The largest number of deliveries in a timeline. */
export const shownDeliveries = 200;

const { id, source, type, priority, channel, group } = deliveryAnswer.shape;

/** A message of a timeline: an open delivery, or a stage of a route that will become one. */
export const waitingMessage = z.object({
  id: id.nullable().openapi({ description: "Null if the status is `projected`" }),
  source,
  stage: z.number().int().nullable().openapi({
    description:
      "The number of the stage of the message’s route, from 0; null for a message that was snoozed",
    example: 0,
  }),
  type,
  priority,
  channel: channel.openapi({
    description: "The expected channel. It is chosen again when the message is due",
  }),
  status: z.enum([...deliveryStatuses, "projected"]).openapi({
    description:
      "The status of the delivery; `projected` for a later stage of a route, which becomes a delivery when the stage before it ends",
    example: "pending",
  }),
  reason: z.string().nullable().openapi({
    description: "Why the message waits; null means for its time or its turn",
    example: "quiet_hours",
  }),
  dueAt: z.iso.datetime().openapi({
    description:
      "The earliest time to send it. A projected message is sent earlier if the stage before it fails",
  }),
  unless: z.enum(reachedLevels).nullable().openapi({
    description:
      "The message is not sent if an earlier stage of its route has reached the recipient this far; null if it does not depend on earlier stages",
    example: null,
  }),
  outages: outagesAnswer,
  stoppedUntil: z.iso.datetime().nullable().openapi({
    description:
      "Until when an operator has stopped all messages on the channel; null if nobody has. The message waits, even if it is due",
    example: null,
  }),
  group,
});

type WaitingMessage = z.output<typeof waitingMessage>;
type Unstopped = Omit<WaitingMessage, "stoppedUntil">;

/** Whose messages are read, and the preferences for messages without a type. */
export interface WaitingFor {
  person: Pick<RecipientState, "id" | "email" | "phone" | "addressChannels">;
  preferences: Pick<EffectivePreferences, "channelOrder">;
  now: number;
}

type WaitingRow = DeliveryRow & { dueAt: Date; open: number; outages: Outage[] };

/**
 * Reads the open deliveries of a recipient and projects the stages that follow them, ordered by when they are due.
 * @returns `more`: the number of open deliveries beyond the largest number in a timeline
 */
export async function readWaiting(
  { pool, routes }: { pool: Pick<Pool, "query">; routes: Routes },
  { person, preferences, now }: WaitingFor,
): Promise<{ waiting: WaitingMessage[]; more: number }> {
  const { rows } = await pool.query<WaitingRow>(
    `SELECT ${deliveryColumns}, ${outagesOf("d")} AS outages, d.open FROM (
       SELECT *, (count(*) OVER ())::int AS open FROM deliveries WHERE recipient_id = $1::uuid AND due_at IS NOT NULL
       ORDER BY due_at, id LIMIT ${shownDeliveries}
     ) AS d ORDER BY d.due_at, coalesce(d.campaign_id, d.notification_id), d.leg`,
    [person.id],
  );
  const routeOf = await routes.readRoutes(
    rows.flatMap(({ routeId }) => routeId ?? []),
    executeOn(pool),
  );
  const stops = await readStops(executeOn(pool), [...channels]);
  const stoppedUntil = (channel: string) =>
    stops.find(({ gate }) => gate === `channel/${channel}`)?.until.toISOString() ?? null;
  const isWritten = await findWrittenStages(pool, person.id, rows);
  const channelOf = (stage: Stage) => {
    const order = orderOfStage(stage, preferences.channelOrder);
    return order.find((one) => isReachable(one, person)) ?? order[0]!;
  };
  const waiting = rows.flatMap((row) => {
    const route = row.routeId === null ? undefined : routeOf.get(row.routeId)?.document;
    const written = { ...waitingJson(row, route), stoppedUntil: stoppedUntil(row.channel) };
    if (!route || written.stage === null) return [written];
    const from = Math.max(row.dueAt.getTime(), now);
    const projected = projectStages(route.stages, written.stage, from, (number) =>
      isWritten(row, number),
    );
    return [
      written,
      ...projected.map((next) => {
        const stage = projectedJson(written, next, channelOf);
        return { ...stage, stoppedUntil: stoppedUntil(stage.channel) };
      }),
    ];
  });
  // The sort is stable: messages that are due at the same time keep the order of their requests and stages.
  waiting.sort((a, b) => Date.parse(a.dueAt) - Date.parse(b.dueAt));
  return { waiting, more: (rows[0]?.open ?? 0) - rows.length };
}

function waitingJson(row: WaitingRow, route: Route | undefined): Unstopped {
  const { id, source, stage, type, priority, channel, status, reason, group } = ledgerJson(row);
  const unless = (stage !== null && route?.stages[stage]?.after?.unless) || null;
  const { outages } = row;
  const dueAt = row.dueAt.toISOString();
  return {
    id,
    source,
    stage,
    type,
    priority,
    channel,
    status,
    reason,
    dueAt,
    unless,
    outages,
    group,
  };
}

const projectedJson = (
  { source, type, priority }: WaitingMessage,
  { number, stage, beginsAt }: ProjectedStage,
  channelOf: (stage: Stage) => string,
): Unstopped => ({
  id: null,
  source,
  stage: number,
  type,
  priority,
  channel: channelOf(stage),
  status: "projected",
  reason: "earlier_stage",
  dueAt: new Date(beginsAt).toISOString(),
  unless: stage.after.unless,
  outages: [],
  group: null,
});

type SourceOfRow = Pick<DeliveryRow, "campaignId" | "notificationId">;

/** Finds the stages of the deliveries' routes that are in the ledger. Resolves with a function that tells whether one is. */
async function findWrittenStages(
  pool: Pick<Pool, "query">,
  recipientId: string,
  rows: readonly WaitingRow[],
): Promise<(source: SourceOfRow, stage: number) => boolean> {
  const routed = rows.filter(({ routeId, leg }) => routeId !== null && stageOfLeg(leg) !== null);
  if (routed.length === 0) return () => false;
  const { rows: found } = await pool.query<SourceOfRow & { leg: string }>(
    `SELECT campaign_id AS "campaignId", notification_id AS "notificationId", leg FROM deliveries
     WHERE recipient_id = $1::uuid AND campaign_id = ANY($2::uuid[])
     UNION ALL
     SELECT campaign_id, notification_id, leg FROM deliveries WHERE recipient_id = $1::uuid AND notification_id = ANY($3::uuid[])`,
    [
      recipientId,
      routed.flatMap(({ campaignId }) => campaignId ?? []),
      routed.flatMap(({ notificationId }) => notificationId ?? []),
    ],
  );
  const keyOf = ({ campaignId, notificationId }: SourceOfRow, leg: string) =>
    `${campaignId ?? notificationId} ${leg}`;
  const written = new Set(found.map((row) => keyOf(row, row.leg)));
  return (source, stage) => written.has(keyOf(source, stageLeg(stage)));
}

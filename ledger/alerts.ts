import type { AlertCause, AlertKind } from "../domain/alerts.ts";
import type { DisabledReason } from "../domain/webhook-endpoint.ts";
import { defineStatement, type Execute } from "./sql.ts";

/** An alert, with UUIDs. */
export interface AlertRow {
  id: string;
  kind: AlertKind;
  subject: string;
  detail: string;
  openedAt: Date;
  closedAt: Date | null;
  acknowledgedAt: Date | null;
  acknowledgedBy: string | null;
  notificationId: string | null;
}

const columns = `id, kind, subject, detail, opened_at AS "openedAt", closed_at AS "closedAt", acknowledged_at AS "acknowledgedAt",
  acknowledged_by AS "acknowledgedBy", notification_id AS "notificationId"`;

/** A cause that returns within this time continues the alert that it had, so that operators are notified once of a cause that comes and goes. */
const sameForMinutes = 15;
const keptDays = 90;

interface Found {
  pausedCampaigns: { id: string }[];
  stuckCampaigns: { id: string }[];
  openBreakers: { provider: string; reason: string | null }[];
  endpointsOff: { id: string; reason: DisabledReason }[];
}

const foundStatement = defineStatement<object, Found>(
  `SELECT
     (SELECT coalesce(json_agg(json_build_object('id', id)), '[]') FROM campaigns
      WHERE status = 'paused' AND pause_detail IS NOT NULL) AS "pausedCampaigns",
     (SELECT coalesce(json_agg(json_build_object('id', id)), '[]') FROM campaigns
      WHERE status IN ('scheduled', 'running') AND frozen_at IS NULL AND start_at < ledger_now() - interval '10 minutes') AS "stuckCampaigns",
     (SELECT coalesce(json_agg(json_build_object('provider', provider, 'reason', reason)), '[]') FROM breakers
      WHERE state = 'open') AS "openBreakers",
     (SELECT coalesce(json_agg(json_build_object('id', id, 'reason', disabled_reason)), '[]') FROM webhook_endpoints
      WHERE disabled_reason IS NOT NULL) AS "endpointsOff"`,
  "alert-facts",
);

/** Reads the campaigns, providers and webhook endpoints that operators should know of. Ids are UUIDs. */
export async function readAlertFacts(execute: Execute): Promise<Found> {
  const [found] = await execute(foundStatement, {});
  return found!;
}

const currentStatement = defineStatement<object, AlertRow>(
  `SELECT ${columns} FROM alerts WHERE closed_at IS NULL OR closed_at > ledger_now() - interval '${sameForMinutes} minutes' ORDER BY id`,
  "current-alerts",
);

const openStatement = defineStatement<
  { ids: string[]; kinds: string[]; subjects: string[]; details: string[] },
  object
>(`
  WITH clock AS MATERIALIZED (SELECT ledger_now() AS now),
  removed AS (DELETE FROM alerts USING clock WHERE closed_at < clock.now - interval '${keptDays} days')
  INSERT INTO alerts (id, kind, subject, detail, opened_at, changed_at)
  SELECT a.id, a.kind, a.subject, a.detail, clock.now, clock.now
  FROM unnest(:ids::uuid[], :kinds::text[], :subjects::text[], :details::text[]) AS a(id, kind, subject, detail), clock
  ON CONFLICT (kind, subject) WHERE closed_at IS NULL DO NOTHING`);

const reopenStatement = defineStatement<{ ids: string[]; details: string[] }, object>(`
  UPDATE alerts SET closed_at = NULL, detail = a.detail, changed_at = ledger_now()
  FROM unnest(:ids::uuid[], :details::text[]) AS a(id, detail)
  WHERE alerts.id = a.id AND NOT EXISTS (
    SELECT FROM alerts o WHERE o.kind = alerts.kind AND o.subject = alerts.subject AND o.closed_at IS NULL AND o.id <> alerts.id
  )`);

const closeStatement = defineStatement<{ ids: string[] }, object>(`
  UPDATE alerts SET closed_at = ledger_now(), changed_at = ledger_now() WHERE id = ANY (:ids::uuid[]) AND closed_at IS NULL`);

/**
 * Makes the open alerts those of the causes: opens what is new, goes on with what came back soon, and closes what has gone. Nothing is
 * written if nothing has changed. Several processes may do so at once: a cause has one open alert.
 * @param judged whether this process can tell that the cause of an alert has gone
 * @returns the alerts that are open now
 */
export async function settleAlerts(
  execute: Execute,
  causes: readonly AlertCause[],
  { newId, judged }: { newId: () => string; judged: (alert: AlertRow) => boolean },
): Promise<AlertRow[]> {
  const current = await execute(currentStatement, {});
  const keyOf = ({ kind, subject }: Pick<AlertCause, "kind" | "subject">) => `${kind} ${subject}`;
  const wanted = new Map(causes.map((cause) => [keyOf(cause), cause]));
  const open = new Map(
    current.filter((row) => row.closedAt === null).map((row) => [keyOf(row), row]),
  );
  // The list is in the order of creation, so that the newest of a kind and subject is kept.
  const recent = new Map(current.map((row) => [keyOf(row), row]));
  const missing = causes.filter((cause) => !open.has(keyOf(cause)));
  const back = missing.filter((cause) => recent.has(keyOf(cause)));
  const fresh = missing.filter((cause) => !recent.has(keyOf(cause)));
  const gone = [...open.values()].filter((row) => !wanted.has(keyOf(row)) && judged(row));
  if (fresh.length > 0)
    await execute(openStatement, {
      ids: fresh.map(newId),
      kinds: fresh.map(({ kind }) => kind),
      subjects: fresh.map(({ subject }) => subject),
      details: fresh.map(({ detail }) => detail),
    });
  if (back.length > 0)
    await execute(reopenStatement, {
      ids: back.map((cause) => recent.get(keyOf(cause))!.id),
      details: back.map(({ detail }) => detail),
    });
  if (gone.length > 0) await execute(closeStatement, { ids: gone.map(({ id }) => id) });
  const changes = fresh.length + back.length + gone.length;
  const now = changes > 0 ? await execute(currentStatement, {}) : current;
  return now.filter(({ closedAt }) => closedAt === null);
}

/** Notes which notification tells operators of an alert. */
export const markNotified = defineStatement<{ id: string; notificationId: string }, object>(
  "UPDATE alerts SET notification_id = :notificationId::uuid WHERE id = :id::uuid AND notification_id IS NULL",
);

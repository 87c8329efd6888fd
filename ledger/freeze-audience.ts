import type { Pool, PoolClient } from "pg";
import { inTransaction } from "./transaction.ts";
import {
  type Audience,
  audience,
  namedSegments,
  type RecipientFilter,
} from "../domain/audience.ts";
import { audienceWhere } from "./audience-sql.ts";
import { lockSegmentFilters } from "./segments.ts";
import { changesOfCreated, countChanges } from "./delivery-counts.ts";
import { firstStages } from "./first-stages.ts";
import { executeOn } from "./sql.ts";
import { planRoutes } from "../domain/policy/resolve-route.ts";
import { defaultChannel, type Route } from "../domain/policy/route.ts";
import type { Priority } from "../domain/priority.ts";
import { routeCase } from "./route-case.ts";
import { createRoutes } from "./routes.ts";
import { createRulebookReader } from "./rulebook.ts";
import { laneNames } from "../domain/delivery/queues.ts";

/**
 * Freezes the audience of a campaign that is due: writes one row for each recipient and marks the campaign as frozen, in one transaction.
 * Does nothing if the campaign is not due or is already frozen. `campaignId` is the public id.
 */
export async function freezeAudience(pool: Pool, id: string, campaignId: string): Promise<void> {
  await inTransaction(pool, async (client) => {
    // An audience of millions takes longer than the usual limit of statements.
    await client.query("SET LOCAL statement_timeout = 0");
    // The audience may be all recipients, for which a sequential scan is fastest.
    await client.query("SET LOCAL enable_seqscan = on");
    const { rows } = await client.query<{
      now: Date;
      audience: unknown;
      laneCount: number;
      typeId: string | null;
      priority: Priority;
      data: Record<string, unknown>;
      route: Route | null;
    }>(
      `SELECT ledger_now() AS now, c.audience, c.lane_count AS "laneCount", c.type_id AS "typeId", c.priority, c.data, c.route
       FROM campaigns c WHERE id = $1 AND status = 'scheduled' AND frozen_at IS NULL AND start_at <= ledger_now() FOR UPDATE OF c`,
      [id],
    );
    const [campaign] = rows;
    if (!campaign) return;
    const { now } = campaign;
    const parsed = audience.parse(campaign.audience);
    const { policy, policyVersion, types, routingRules, ruleTemplates } =
      await createRulebookReader(client)();
    const type = campaign.typeId === null ? null : types.get(campaign.typeId)!;
    const plan = planRoutes({
      requested: campaign.route,
      rules: routingRules,
      type,
      policy: { version: policyVersion, route: policy.route },
      message: {
        type: type?.key ?? null,
        priority: campaign.priority,
        data: campaign.data,
        entityId: null,
        source: "campaign",
        sendAt: now,
      },
      findTemplateVersion: (key) => ruleTemplates.get(key) ?? null,
    });
    const where = audienceWhere(parsed, await resolveSegments(client, parsed), "r", 5);
    const routeId = await routeCase(createRoutes(pool), plan, "r", {
      execute: executeOn(client),
      firstPlaceholder: 5 + where.values.length,
    });
    const {
      rows: [written],
    } = await client.query<{ audience: number }>(
      `WITH written AS (INSERT INTO open_deliveries (id, campaign_id, recipient_id, leg, channel, priority, queue, due_at, created_at, route_id)
       SELECT uuid_v7(ledger_now()), c.id, r.id, s.leg, s.channel, c.priority, q.names[get_byte(uuid_send(r.id), 15) % c.lane_count + 1], $3, $3, o.id
       FROM campaigns c CROSS JOIN recipients r CROSS JOIN (SELECT $2::text[] AS names) q
         LEFT JOIN routes o ON o.id = ${routeId.sql} CROSS JOIN LATERAL ${firstStages("o", "r", "$4::channel")} s
       WHERE c.id = $1 AND ${where.sql}
       ORDER BY r.id
       FOR KEY SHARE OF r RETURNING campaign_id, notification_id, leg, route_id, created_at),
       counted AS (${countChanges(changesOfCreated("written", "NULL::uuid"))})
       SELECT count(*) FILTER (WHERE leg = 'primary')::int AS audience FROM written`,
      [
        id,
        laneNames(campaignId, campaign.laneCount),
        now,
        defaultChannel(type),
        ...where.values,
        ...routeId.values,
      ],
    );
    await client.query(
      `UPDATE campaigns SET status = 'running', frozen_at = $2, audience_count = $3, deliveries_from = $2, deliveries_until = ledger_now(),
         updated_at = ledger_now(), version = version + 1 WHERE id = $1`,
      [id, now, written!.audience],
    );
  });
}

/**
 * Reads the current filters of an audience's segments. A segment of a campaign that has not begun cannot be deleted. If one is missing
 * nevertheless, this fails until it exists again: without it, the wrong recipients might be notified.
 */
async function resolveSegments(
  client: PoolClient,
  wanted: Audience,
): Promise<ReadonlyMap<string, RecipientFilter>> {
  const keys = namedSegments(wanted);
  const found = await lockSegmentFilters(executeOn(client), keys);
  const missing = keys.filter((key) => !found.has(key));
  if (missing.length > 0)
    throw new Error(`the audience's segment ${missing.join(", ")} no longer exists`);
  return found;
}

import type { Pool } from "pg";
import {
  type ChosenRoute,
  chooseRoute,
  commonRoute,
  planRoutes,
} from "../../domain/policy/resolve-route.ts";
import type { NotificationType } from "../../domain/policy/notification-type.ts";
import type { Policy } from "../../domain/policy/policy.ts";
import type { Route } from "../../domain/policy/route.ts";
import type { RequestedMessage } from "../../domain/policy/simulate-types.ts";
import type { ContentChannel } from "../../domain/templates/content-parts.ts";
import type { TemplateContent } from "../../domain/templates/content.ts";
import type { RequestRow } from "../../ledger/recipient-snapshot.ts";
import { createRoutes } from "../../ledger/routes.ts";
import { readRoutingFacts } from "../../ledger/routing-facts.ts";
import type { Rulebook } from "../../ledger/rulebook.ts";
import { defineStatement, executeOn } from "../../ledger/sql.ts";

/** A recorded message with what its route depends on. */
export interface RecordedRow extends RequestRow {
  campaignId: string | null;
  /** The id of its recorded route; null if it has none. */
  routeId: number | null;
  /** The UUID of the template version or of the content. */
  contentId: string;
}

/** The columns of a `RecordedRow` besides those of a `RequestRow`. */
export const recordedColumns = `d.campaign_id AS "campaignId", d.route_id AS "routeId", coalesce(n.template_version_id, n.content_id, c.template_version_id) AS "contentId"`;

/** The rules of the organisation. */
export interface Regime {
  policy: Policy;
  /** The notification types by UUID. */
  types: ReadonlyMap<string, NotificationType>;
}

/** A recorded message under a regime, without its route. */
export type Unrouted = Pick<RequestedMessage, "type" | "priority">;

/** The number of sources whose data is read at once. Each may be as long as a request. */
const sourcesAtOnce = 25;

const dataStatement = defineStatement<
  { ids: readonly string[] },
  { id: string; data: Record<string, unknown>; entityId: string | null }
>(
  `SELECT id, data, entity_id AS "entityId" FROM notifications WHERE id = ANY(:ids::uuid[])
   UNION ALL SELECT id, data, NULL FROM campaigns WHERE id = ANY(:ids::uuid[])`,
);

const channelsStatement = defineStatement<
  { ids: readonly string[] },
  { id: string; channels: ContentChannel[] }
>(
  `SELECT id, ARRAY(SELECT jsonb_object_keys(content)) AS channels FROM template_versions WHERE id = ANY(:ids::uuid[])
   UNION ALL SELECT id, ARRAY(SELECT jsonb_object_keys(content)) FROM inline_contents WHERE id = ANY(:ids::uuid[])`,
);

/**
 * Reads for which channels the contents of messages are. Resolves with a function that returns a content with these channels, whose texts are
 * left out.
 */
export async function readContentChannels(
  pool: Pick<Pool, "query">,
  rows: readonly RecordedRow[],
): Promise<(row: RecordedRow) => TemplateContent> {
  const ids = [...new Set(rows.map(({ contentId }) => contentId))];
  const found = new Map(
    (await executeOn(pool)(channelsStatement, { ids })).map(({ id, channels }) => [
      id,
      Object.fromEntries(channels.map((channel) => [channel, {}])) as TemplateContent,
    ]),
  );
  return ({ contentId }) => found.get(contentId) ?? {};
}

/**
 * Chooses the routes of recorded messages again, by the current routing rules and the types and the policy of each regime. A route of the
 * request is kept. Resolves with a function that returns null for a message of an erased recipient whose route depends on them.
 * @param describe the type and the priority of a message under a regime
 */
export async function chooseRecordedRoutes<Names extends string>(
  pool: Pick<Pool, "query">,
  { routingRules, ruleTemplates, policyVersion }: Rulebook,
  rows: readonly RecordedRow[],
  regimes: Readonly<Record<Names, Regime>>,
  describe: (row: RecordedRow, regime: Regime) => Unrouted,
): Promise<(row: RecordedRow, regime: Names) => Pick<ChosenRoute, "route" | "priority"> | null> {
  const execute = executeOn(pool);
  const stored = await createRoutes(pool).readRoutes(rows.flatMap(({ routeId }) => routeId ?? []));
  const requestedOf = ({ routeId }: RecordedRow): Route | null => {
    const route = routeId === null ? undefined : stored.get(routeId);
    return route?.origin === "request" ? route.document : null;
  };
  const names = Object.keys(regimes) as Names[];
  const chosen = new Map<string, ReturnType<typeof commonRoute>>();
  const bySource = new Map<string, RecordedRow[]>();
  for (const row of rows) {
    const source = row.notificationId ?? row.campaignId!;
    const same = bySource.get(source);
    if (same) same.push(row);
    else bySource.set(source, [row]);
  }
  const sources = [...bySource.keys()];
  for (let start = 0; start < sources.length; start += sourcesAtOnce) {
    const ids = sources.slice(start, start + sourcesAtOnce);
    // Only routing rules depend on the data.
    const data = new Map(
      (routingRules.length === 0 ? [] : await execute(dataStatement, { ids })).map((row) => [
        row.id,
        row,
      ]),
    );
    const open: { row: RecordedRow; name: Names; plan: ReturnType<typeof planRoutes> }[] = [];
    for (const row of ids.flatMap((id) => bySource.get(id)!)) {
      const source = data.get(row.notificationId ?? row.campaignId!);
      for (const name of names) {
        const regime = regimes[name];
        const { type, priority } = describe(row, regime);
        const plan = planRoutes({
          requested: requestedOf(row),
          rules: routingRules,
          type,
          policy: { version: policyVersion, route: regime.policy.route },
          message: {
            type: type?.key ?? null,
            priority,
            data: source?.data ?? {},
            entityId: source?.entityId ?? null,
            source: row.campaignId === null ? "notification" : "campaign",
            sendAt: row.askedAt,
          },
          findTemplateVersion: (key) => ruleTemplates.get(key) ?? null,
        });
        const common = commonRoute(plan);
        if (common) chosen.set(`${row.id} ${name}`, common);
        else open.push({ row, name, plan });
      }
    }
    const recipientIds = [...new Set(open.map(({ row }) => row.recipientId))];
    const read =
      recipientIds.length === 0
        ? []
        : await readRoutingFacts(execute, { externalIds: [], recipientIds });
    const facts = new Map(read.flatMap((row) => (row === null ? [] : [[row.id, row] as const])));
    for (const { row, name, plan } of open) {
      const recipient = facts.get(row.recipientId);
      if (recipient) chosen.set(`${row.id} ${name}`, chooseRoute(plan, recipient));
    }
  }
  return (row, name) => chosen.get(`${row.id} ${name}`) ?? null;
}

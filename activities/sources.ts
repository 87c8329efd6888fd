import type { Pool } from "pg";
import type { TemplateContent } from "../domain/template.ts";
import type { DueDelivery } from "./ledger.ts";

/** What a campaign or notification brings to each of its deliveries. */
export interface Source {
  templateVersionId: string;
  /** Of a campaign: which of its messages this is; null for a notification. A claim of another one is refused. */
  revision: number | null;
  content: TemplateContent;
  data: Record<string, unknown>;
  guarantee: "at_least_once" | "at_most_once";
}

/** Finds the sources of due deliveries; a campaign is read once a revision for as long as the instance is kept: a dispatch. */
export interface Sources {
  of(deliveries: readonly DueDelivery[]): Promise<(delivery: DueDelivery) => Source>;
}

export function createSources(pool: Pool): Sources {
  const campaigns = new Map<string, Source>();
  const sql = (table: "campaigns" | "notifications", own: string) => ({
    name: `sources-of-${table}`,
    text: `
      SELECT s.id, s.data, s.template_version_id AS "templateVersionId", v.content, ${own}
      FROM ${table} s JOIN template_versions v ON v.id = s.template_version_id WHERE s.id = ANY($1::uuid[])`,
  });
  const read = async (
    table: "campaigns" | "notifications",
    ids: Set<string>,
  ): Promise<Map<string, Source>> => {
    if (ids.size === 0) return new Map();
    const own =
      table === "campaigns"
        ? "s.guarantee, s.revision"
        : "'at_least_once' AS guarantee, NULL::smallint AS revision";
    const { rows } = await pool.query<Source & { id: string }>({
      ...sql(table, own),
      values: [[...ids]],
    });
    return new Map(rows.map(({ id, ...source }) => [id, source]));
  };

  return {
    async of(deliveries) {
      const unknown = deliveries.flatMap(({ campaignId, revision }) =>
        campaignId !== null && campaigns.get(campaignId)?.revision !== revision ? [campaignId] : [],
      );
      for (const [id, source] of await read("campaigns", new Set(unknown)))
        campaigns.set(id, source);
      const notifications = await read(
        "notifications",
        new Set(deliveries.flatMap(({ notificationId }) => notificationId ?? [])),
      );
      return ({ campaignId, notificationId }) => {
        const source =
          campaignId === null ? notifications.get(notificationId!) : campaigns.get(campaignId);
        if (!source) throw new Error("a delivery without its source: the foreign keys forbid it");
        return source;
      };
    },
  };
}

import type { Pool } from "pg";
import type { Rulebook } from "./rulebook.ts";
import { type EmailIdentity, mergeIdentities } from "../domain/email-identity.ts";
import type { NotificationType } from "../domain/policy/notification-type.ts";
import type { Tracking, Utm } from "../domain/tracking/settings.ts";
import type { TemplateContent } from "../domain/templates/content.ts";
import type { DueDelivery } from "./ledger.ts";
import { isPreferenceLink } from "./preference-link-mails.ts";
import { type EmailExtras, readEmailExtras } from "./notification-emails.ts";

/** The data of a campaign or notification that each of its deliveries needs. */
export interface Source {
  /** The version of the template, or the content of a notification without one. Neither ever changes. */
  templateVersionId: string;
  /** The revision of a campaign; null for a notification. A claim with another revision is refused. */
  revision: number | null;
  content: TemplateContent;
  data: Record<string, unknown>;
  guarantee: "at_least_once" | "at_most_once";
  type: NotificationType | null;
  /** The topic of a campaign; null without one. */
  topic: { id: string; key: string } | null;
  /** The sender of its mails, from the campaign, the template or the type; null where none of them has one. */
  email: EmailIdentity | null;
  /** What a campaign tracks of its messages; null: what its type does. */
  tracking: Tracking | null;
  /** The parameters of the links of a campaign; null for none. */
  utm: Utm | null;
  createdAt: Date;
  /** The earliest time at which it was to be sent. */
  askedAt: Date;
  occursAt: Date | null;
  expiresAt: Date | null;
  dedupKey: string | null;
  /** The collapse key of the notification, or else of its type. */
  collapseKey: string | null;
  batchable: boolean;
  bypassRateLimit: boolean;
  entityId: string | null;
  /** A value of the schema `notificationActions` in domain/notification.ts. */
  actions: unknown;
  /** Whether it is the email with a link to their preferences that a recipient has asked for, in Tidings' own words. */
  isPreferenceLink: boolean;
  /** The attachments and copies of its email; null where it has none. */
  extras: EmailExtras | null;
}

/** Finds the sources of due deliveries. An instance caches campaigns by revision, and lives as long as one dispatch. */
export interface Sources {
  of(
    deliveries: readonly DueDelivery[],
  ): Promise<(delivery: DueDelivery, rulebook: Rulebook) => Source>;
}

type Row = Omit<Source, "type"> & { typeId: string | null };

/** The files of a campaign's emails, which all of its messages share; null without any. */
const campaignExtras = (attachments: readonly string[]): EmailExtras | null =>
  attachments.length === 0 ? null : { notificationId: null, attachments, copies: [] };

export function createSources(pool: Pool): Sources {
  const campaigns = new Map<string, Row>();
  const columns = `s.id, s.data, s.created_at AS "createdAt", s.type_id AS "typeId"`;
  const from = {
    campaigns: `s.template_version_id AS "templateVersionId", v.content
      FROM campaigns s JOIN template_versions v ON v.id = s.template_version_id`,
    notifications: `coalesce(s.template_version_id, s.content_id) AS "templateVersionId", coalesce(v.content, i.content) AS content
      FROM notifications s LEFT JOIN template_versions v ON v.id = s.template_version_id LEFT JOIN inline_contents i ON i.id = s.content_id`,
  };
  const sql = (table: "campaigns" | "notifications", own: string) => ({
    name: `sources-of-${table}`,
    text: `SELECT ${columns}, ${own}, ${from[table]} WHERE s.id = ANY($1::uuid[])`,
  });
  const read = async (
    table: "campaigns" | "notifications",
    ids: Set<string>,
  ): Promise<Map<string, Row>> => {
    if (ids.size === 0) return new Map();
    const own =
      table === "campaigns"
        ? `CASE WHEN s.topic_id IS NOT NULL THEN (SELECT jsonb_build_object('id', t.id, 'key', t.key) FROM topics t WHERE t.id = s.topic_id) END AS topic,
          s.email, s.tracking, s.utm, s.guarantee, s.revision, s.frozen_at AS "askedAt", NULL::timestamptz AS "occursAt", NULL::timestamptz AS "expiresAt",
          NULL AS "dedupKey", NULL AS "collapseKey", cardinality(s.attachment_ids) = 0 AS batchable, s.attachment_ids AS "attachmentIds", false AS "bypassRateLimit", NULL AS "entityId", '[]'::jsonb AS actions,
          false AS "isPreferenceLink"`
        : `NULL::jsonb AS topic, '{}'::jsonb AS email, NULL::jsonb AS tracking, NULL::jsonb AS utm, 'at_least_once' AS guarantee, NULL::smallint AS revision, s.send_at AS "askedAt", s.occurs_at AS "occursAt",
          s.expires_at AS "expiresAt", s.dedup_key AS "dedupKey", s.collapse_key AS "collapseKey", s.batchable,
          s.bypass_rate_limit AS "bypassRateLimit", s.entity_id AS "entityId", s.actions, ${isPreferenceLink("s")} AS "isPreferenceLink"`;
    const { rows } = await pool.query<
      Omit<Row, "extras"> & { id: string; attachmentIds?: string[] }
    >({
      ...sql(table, own),
      values: [[...ids]],
    });
    // A notification with attachments or copies is never batchable.
    const single = rows.filter((row) => table === "notifications" && !row.batchable);
    const extras = await readEmailExtras(
      pool,
      single.map(({ id }) => id),
    );
    return new Map(
      rows.map(({ id, attachmentIds = [], ...source }) => [
        id,
        { ...source, extras: extras.get(id) ?? campaignExtras(attachmentIds) },
      ]),
    );
  };

  /** Reads the template versions that retries use instead of those of their sources. */
  const readVersions = async (ids: Set<string>): Promise<Map<string, TemplateContent>> => {
    if (ids.size === 0) return new Map();
    const { rows } = await pool.query<{ id: string; content: TemplateContent }>(
      "SELECT id, content FROM template_versions WHERE id = ANY($1::uuid[])",
      [[...ids]],
    );
    return new Map(rows.map(({ id, content }) => [id, content]));
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
      const named = await readVersions(
        new Set(deliveries.flatMap(({ templateVersionId }) => templateVersionId ?? [])),
      );
      const typed = new Map<Row, Source>();
      return ({ campaignId, notificationId, templateVersionId }, { types }) => {
        const row =
          campaignId === null ? notifications.get(notificationId!) : campaigns.get(campaignId);
        if (!row)
          throw new Error("a delivery has no source, which the foreign keys should prevent");
        if (templateVersionId !== null)
          return sourceOf(
            // Another version has other words.
            {
              ...row,
              templateVersionId,
              content: named.get(templateVersionId)!,
              isPreferenceLink: false,
            },
            types,
          );
        let source = typed.get(row);
        if (!source) {
          source = sourceOf(row, types);
          typed.set(row, source);
        }
        return source;
      };
    },
  };
}

function sourceOf({ typeId, ...own }: Row, types: Rulebook["types"]): Source {
  const type = typeId === null ? null : (types.get(typeId) ?? null);
  return {
    ...own,
    type,
    email: mergeIdentities(own.email, own.content.email, type?.email),
    collapseKey: own.collapseKey ?? type?.collapseKey ?? null,
  };
}

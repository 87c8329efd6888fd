import type { Channel } from "../../domain/channel.ts";
import type { DeliveryStatus } from "../../domain/delivery/status.ts";
import { requestColumns, type RequestRow, requestTables } from "../../ledger/recipient-snapshot.ts";
import type { TemplateContent } from "../../domain/templates/content.ts";
import { type Outage, outagesOf } from "../deliveries/outages.ts";
import type { Explanation } from "./answer.ts";

/** A delivery with all that its explanation needs, except the state of its recipient. */
export interface ExplainedRow extends RequestRow {
  campaignId: string | null;
  leg: string;
  routeId: number | null;
  failedChannels: Channel[];
  outages: Outage[];
  content: TemplateContent;
  status: DeliveryStatus;
  detail: string | null;
  attemptCount: number;
  finishedAt: Date | null;
  decidedAt: Date | null;
  policyVersion: number | null;
  typeVersion: number | null;
  preferencesVersion: number | null;
  groupKind: "batch" | "digest" | null;
  groupStatus: "open" | "full" | "closed" | null;
  groupClosesAt: Date | null;
  groupMembers: number | null;
  adapted: "backlog" | "delay" | null;
  attempt: Explanation["attempts"]["last"];
}

/** Reads the `ExplainedRow` of the delivery with the UUID `$1`. */
export const rowSql = `
  SELECT ${requestColumns}, d.campaign_id AS "campaignId", d.leg, d.route_id AS "routeId",
    coalesce(d.failed_channels, '{}')::text[] AS "failedChannels", ${outagesOf("d")} AS outages,
    coalesce((SELECT i.content FROM inline_contents i WHERE i.id = n.content_id),
      (SELECT v.content FROM template_versions v WHERE v.id = coalesce(d.template_version_id, n.template_version_id, c.template_version_id))) AS content, d.status, d.detail, d.attempt_count AS "attemptCount",
    d.finished_at AS "finishedAt", d.decided_at AS "decidedAt", d.policy_version AS "policyVersion", d.type_version AS "typeVersion",
    d.preferences_version AS "preferencesVersion", g.kind AS "groupKind", g.status AS "groupStatus", g.closes_at AS "groupClosesAt",
    g.member_count AS "groupMembers", g.adapted,
    (SELECT jsonb_build_object('outcome', a.outcome, 'failure', a.failure, 'response', a.response,
       'finishedAt', to_char(a.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
     FROM attempts a WHERE a.delivery_id = d.id ORDER BY a.number DESC LIMIT 1) AS attempt
  FROM ${requestTables} LEFT JOIN groups g ON g.id = d.group_id WHERE d.id = $1::uuid`;

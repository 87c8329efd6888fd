import type { Pool } from "pg";
import type { Channel } from "../domain/channel.ts";
import type { DecisionInput } from "../domain/policy/decision.ts";
import { noGrants } from "../domain/policy/limits.ts";
import type { NotificationType } from "../domain/policy/notification-type.ts";
import type { Preferences } from "../domain/policy/preferences.ts";
import type { Priority } from "../domain/priority.ts";
import { recipientReference } from "../domain/recipient.ts";
import type { Reason } from "../domain/delivery/reasons.ts";
import type { RequestedMessage, Simulation } from "../domain/policy/simulate-types.ts";
import { isStage } from "./conditions.ts";
import { readSuppressions } from "./suppressions.ts";

/** The current state of a recipient that decisions depend on. */
export type RecipientState = Simulation["recipient"] & {
  /** The UUID. */
  id: string;
  createdAt: Date;
  updatedAt: Date;
  erasedAt: Date | null;
  /** When the address was added to the suppression list; null where it is not on the list. */
  suppressedAt: Date | null;
  preferencesVersion: number;
};

interface RecipientStateRow {
  id: string;
  createdAt: Date;
  updatedAt: Date;
  erasedAt: Date | null;
  email: string | null;
  phone: string | null;
  timeZone: string;
  preferences: Preferences | null;
  preferencesVersion: number;
  addressChannels: Channel[];
  engagedHours: number[];
  granted: number[] | null;
  types: number[] | null;
}

const recipientStatesSql = `
  SELECT r.id, r.created_at AS "createdAt", r.updated_at AS "updatedAt", r.erased_at AS "erasedAt", r.email, r.phone, r.address_channels::text[] AS "addressChannels", r.time_zone AS "timeZone", r.preferences,
    r.preferences_version AS "preferencesVersion", r.engaged_hours AS "engagedHours", l.types,
    ARRAY(SELECT (extract(epoch FROM at) * 1000)::float8 FROM unnest(l.granted) AS at) AS granted
  FROM recipients r LEFT JOIN grant_logs l ON l.recipient_id = r.id WHERE r.id = ANY($1::uuid[])`;

/** Reads the states of recipients by their UUIDs. */
export async function readRecipientStates(
  pool: Pick<Pool, "query">,
  ids: readonly string[],
): Promise<Map<string, RecipientState>> {
  const { rows } = await pool.query<RecipientStateRow>(recipientStatesSql, [ids]);
  const suppressionOf = await readSuppressions(
    pool,
    rows.map(({ email }) => ({ channel: "email", address: email })),
  );
  return new Map(
    rows.map(({ granted, types, ...row }) => {
      const found = suppressionOf({ channel: "email", address: row.email });
      return [
        row.id,
        {
          ...row,
          erased: row.erasedAt !== null,
          suppression: found?.reason ?? null,
          suppressedAt: found?.since ?? null,
          grants: types === null ? noGrants : { granted: granted!, types },
        },
      ];
    }),
  );
}

/** Finds a recipient by a caller's reference; null where there is none. */
export async function findRecipientState(
  pool: Pick<Pool, "query">,
  reference: string,
): Promise<RecipientState | null> {
  const named = recipientReference(reference);
  const id = "id" in named ? named.id : await idOf(pool, named.externalId);
  return (id !== null && (await readRecipientStates(pool, [id])).get(id)) || null;
}

async function idOf(pool: Pick<Pool, "query">, externalId: string): Promise<string | null> {
  const { rows } = await pool.query<{ id: string }>(
    "SELECT id FROM recipients WHERE external_id = $1",
    [externalId],
  );
  return rows[0]?.id ?? null;
}

/** The fields of a delivery and its source that decisions depend on. */
export interface RequestRow {
  id: string;
  recipientId: string;
  notificationId: string | null;
  withoutRepeats: boolean;
  typeId: string | null;
  priority: Priority;
  channel: Channel;
  createdAt: Date;
  askedAt: Date;
  occursAt: Date | null;
  expiresAt: Date | null;
  batchable: boolean;
  bypassRateLimit: boolean;
  dedupKey: string | null;
  collapseKey: string | null;
  dueAt: Date | null;
  reason: Reason | null;
  holdCount: number;
  groupId: string | null;
  /** The topic of its campaign, and whether the recipient is subscribed to it now. */
  topic: DecisionInput["message"]["topic"];
}

/** The SQL columns of a `RequestRow`, from deliveries `d` joined with `requestTables`. */
export const requestColumns = `d.id, d.recipient_id AS "recipientId", d.notification_id AS "notificationId", d.campaign_id IS NOT NULL OR NOT ${isStage("d")} AS "withoutRepeats", coalesce(n.type_id, c.type_id) AS "typeId",
  d.priority, d.channel, coalesce(n.created_at, c.created_at) AS "createdAt", coalesce(n.send_at, c.frozen_at, d.created_at) AS "askedAt",
  n.occurs_at AS "occursAt", n.expires_at AS "expiresAt", coalesce(n.batchable, true) AS batchable, coalesce(n.bypass_rate_limit, false) AS "bypassRateLimit",
  CASE WHEN ${isStage("d")} THEN n.dedup_key END AS "dedupKey", n.collapse_key AS "collapseKey", d.due_at AS "dueAt", d.reason, d.hold_count AS "holdCount", d.group_id AS "groupId",
  (SELECT jsonb_build_object('key', t.key, 'isSubscribed', EXISTS (SELECT FROM topic_subscriptions s WHERE s.topic_id = t.id AND s.recipient_id = d.recipient_id AND s.status = 'subscribed'))
   FROM topics t WHERE t.id = c.topic_id) AS topic`;

export const requestTables =
  "deliveries d LEFT JOIN notifications n ON n.id = d.notification_id LEFT JOIN campaigns c ON c.id = d.campaign_id";

/** Converts a row to a message of a simulation in which it does not wait yet. */
export function toRequestedMessage(
  row: RequestRow,
  types: ReadonlyMap<string, NotificationType>,
): RequestedMessage {
  const {
    id,
    notificationId,
    withoutRepeats,
    typeId,
    priority,
    channel,
    batchable,
    bypassRateLimit,
  } = row;
  return {
    id,
    notificationId,
    withoutRepeats,
    type: typeOf(typeId, types),
    priority,
    channel,
    createdAt: row.createdAt.getTime(),
    askedAt: row.askedAt.getTime(),
    occursAt: row.occursAt?.getTime() ?? null,
    expiresAt: row.expiresAt?.getTime() ?? null,
    batchable,
    bypassRateLimit,
    dedupKey: row.dedupKey,
    repeats: null,
    superseded: false,
    topic: row.topic,
    collapseKey: row.collapseKey,
    waiting: null,
  };
}

export const typeOf = (id: string | null, types: ReadonlyMap<string, NotificationType>) =>
  id === null ? null : (types.get(id) ?? null);

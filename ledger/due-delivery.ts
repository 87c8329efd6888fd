import type { Channel } from "../domain/channel.ts";
import type { DecisionInput } from "../domain/policy/decision.ts";
import { type GrantLog, noGrants } from "../domain/policy/limits.ts";
import type { Preferences } from "../domain/policy/preferences.ts";
import type { Priority } from "../domain/priority.ts";
import type { Reason } from "../domain/delivery/reasons.ts";
import type { RecipientView } from "../domain/recipient-view.ts";

export interface LeasedRow {
  id: string;
  /** Null for a row that is not claimed. */
  token: string | null;
}

/** A due delivery with the data that its decision and its message need. */
export interface DueDelivery extends LeasedRow {
  campaignId: string | null;
  notificationId: string | null;
  /** The template version that a retry chose instead of its source's. */
  templateVersionId: string | null;
  /** The campaign's revision at the time of reading; null for a notification, which has only one. */
  revision: number | null;
  priority: Priority;
  channel: Channel;
  leg: string;
  /** The id of its route; null for a single stage with a single channel. */
  routeId: number | null;
  /** The channels of its stage that have failed. */
  failedChannels: readonly Channel[];
  dueAt: Date;
  /** Why it waited. */
  reason: Reason | null;
  holdCount: number;
  group: DueGroup | null;
  /** Hand-overs so far, including an interrupted one. */
  attemptCount: number;
  /** The hand-overs that do not count towards the limit. */
  forgivenCount: number;
  /** Hand-overs so far without an answer. */
  unansweredCount: number;
  /** Whether the worker died or lost its lease during the hand-over; `token` is then that of the expired claim. */
  interrupted: boolean;
  erased: boolean;
  /** Whether its campaign has a topic to which the recipient is not subscribed. */
  isUnsubscribed: boolean;
  recipient: RecipientView;
  /** The channels on which the recipient has addresses in `addresses`. */
  addressChannels: readonly Channel[];
  /** The epoch for links to this recipient (domain/tokens.ts). */
  linksEpoch: number;
  /** The recipient's preferences, if they were ever set, and their version. */
  preferences: Preferences | null;
  preferencesVersion: number;
  engagedHours: readonly number[];
  grants: GrantLog;
}

export type DueGroup = NonNullable<DecisionInput["waiting"]["group"]> & {
  id: string;
  typeId: string | null;
};

/** The SQL of a column, and the type in which the driver returns it. */
interface Column<Value> {
  sql: string;
  /** Only for the compiler. */
  value?: Value;
}

const column = <Value>(sql: string): Column<Value> => ({ sql });

const inMs = (instant: string) => `(extract(epoch FROM ${instant}) * 1000)::float8`;

/** The columns of a due row, of the tables that `dueTables` joins. */
const dueColumns = {
  id: column<string>("d.id"),
  token: column<string | null>("d.lease_token"),
  campaignId: column<string | null>("d.campaign_id"),
  notificationId: column<string | null>("d.notification_id"),
  templateVersionId: column<string | null>("d.template_version_id"),
  revision: column<number | null>("c.revision"),
  priority: column<Priority>("d.priority"),
  channel: column<Channel>("d.channel"),
  leg: column<string>("d.leg"),
  routeId: column<number | null>("d.route_id"),
  // The driver parses arrays of enums only as text.
  failedChannels: column<Channel[] | null>("d.failed_channels::text[]"),
  dueMs: column<number>(inMs("d.due_at")),
  reason: column<Reason | null>("d.reason"),
  holdCount: column<number>("d.hold_count"),
  attemptCount: column<number>("d.attempt_count"),
  forgivenCount: column<number>("d.forgiven_count"),
  unansweredCount: column<number>(
    "CASE WHEN d.attempt_count > 0 THEN (SELECT count(*)::int FROM earlier_attempts a WHERE a.delivery_id = d.id AND a.outcome = 'unknown' AND a.provider IS NOT NULL) ELSE 0 END",
  ),
  interrupted: column<boolean>("d.lease_token IS NOT NULL"),
  groupId: column<string | null>("g.id"),
  groupKind: column<DueGroup["kind"]>("g.kind"),
  groupStatus: column<DueGroup["status"]>("g.status"),
  groupClosesMs: column<number>(inMs("g.closes_at")),
  groupTypeId: column<string | null>("g.type_id"),
  erased: column<boolean>("r.erased_at IS NOT NULL"),
  isUnsubscribed: column<boolean>(
    "CASE WHEN c.topic_id IS NULL THEN false ELSE NOT EXISTS (SELECT FROM topic_subscriptions s WHERE s.recipient_id = d.recipient_id AND s.topic_id = c.topic_id AND s.status = 'subscribed') END",
  ),
  recipientId: column<string>("r.id"),
  externalId: column<string | null>("r.external_id"),
  email: column<string | null>("r.email"),
  phone: column<string | null>("r.phone"),
  timeZone: column<string>("r.time_zone"),
  locale: column<string>("r.locale"),
  attributes: column<RecipientView["attributes"]>("r.attributes"),
  addressChannels: column<Channel[] | null>("nullif(r.address_channels, '{}')::text[]"),
  linksEpoch: column<number>("r.links_epoch"),
  preferences: column<Preferences | null>("r.preferences"),
  preferencesVersion: column<number>("r.preferences_version"),
  engagedHours: column<number[] | null>("nullif(r.engaged_hours, '{}')"),
  granted: column<number[] | null>(
    `CASE WHEN cardinality(l.granted) > 0 THEN ARRAY(SELECT ${inMs("at")} FROM unnest(l.granted) AS at) END`,
  ),
  grantedTypes: column<number[]>("l.types"),
};

type DueColumns = {
  [Name in keyof typeof dueColumns]: (typeof dueColumns)[Name] extends Column<infer Value>
    ? Value
    : never;
};

/** A due row as an array in the order of the columns: objects with that many properties would double the cost of reading. */
export type DueRow = readonly DueColumns[keyof DueColumns][];

const none: readonly Channel[] = [];

const names = Object.keys(dueColumns) as (keyof DueColumns)[];
const places = Object.fromEntries(names.map((name, place) => [name, place])) as Record<
  keyof DueColumns,
  number
>;

export const dueSelection = names.map((name) => dueColumns[name].sql).join(", ");

/**
 * The joins to the deliveries `due`. Groups and logs are looked up row by row: a plan from the time when those tables were small would read
 * the whole tables for each page.
 */
export const dueTables = `
  due d JOIN recipients r ON r.id = d.recipient_id LEFT JOIN campaigns c ON c.id = d.campaign_id
    LEFT JOIN LATERAL (SELECT * FROM groups WHERE id = d.group_id LIMIT 1) g ON true
    LEFT JOIN LATERAL (SELECT * FROM grant_logs WHERE recipient_id = d.recipient_id LIMIT 1) l ON true`;

export function toDueDelivery(row: DueRow): DueDelivery {
  const of = <Name extends keyof DueColumns>(name: Name) => row[places[name]] as DueColumns[Name];
  const groupId = of("groupId");
  const granted = of("granted");
  return {
    id: of("id"),
    token: of("token"),
    campaignId: of("campaignId"),
    notificationId: of("notificationId"),
    templateVersionId: of("templateVersionId"),
    revision: of("revision"),
    priority: of("priority"),
    channel: of("channel"),
    leg: of("leg"),
    routeId: of("routeId"),
    failedChannels: of("failedChannels") ?? none,
    dueAt: new Date(of("dueMs")),
    reason: of("reason"),
    holdCount: of("holdCount"),
    group:
      groupId === null
        ? null
        : {
            id: groupId,
            kind: of("groupKind"),
            status: of("groupStatus"),
            closesAt: of("groupClosesMs"),
            typeId: of("groupTypeId"),
          },
    attemptCount: of("attemptCount"),
    forgivenCount: of("forgivenCount"),
    unansweredCount: of("unansweredCount"),
    interrupted: of("interrupted"),
    erased: of("erased"),
    isUnsubscribed: of("isUnsubscribed"),
    recipient: {
      id: of("recipientId"),
      externalId: of("externalId"),
      email: of("email"),
      phone: of("phone"),
      timeZone: of("timeZone"),
      locale: of("locale"),
      attributes: of("attributes"),
    },
    addressChannels: of("addressChannels") ?? none,
    linksEpoch: of("linksEpoch"),
    preferences: of("preferences"),
    preferencesVersion: of("preferencesVersion"),
    engagedHours: of("engagedHours") ?? [],
    grants: granted === null ? noGrants : { granted, types: of("grantedTypes") },
  };
}

import type { Reason } from "../domain/delivery/reasons.ts";
import { isStage } from "./conditions.ts";
import { changesOfCreated, changesOfEnded, countChanges } from "./delivery-counts.ts";

/*
 * Every statement that ends deliveries deletes them from `open_deliveries`, and uses `endDeliveries` to write them to `ended_deliveries`.
 * A consequence of an end that belongs into the same statement is added here and nowhere else.
 */

/** The columns that both tables of deliveries have. */
const sharedColumns = [
  "id",
  "campaign_id",
  "notification_id",
  "recipient_id",
  "leg",
  "channel",
  "priority",
  "queue",
  "created_at",
  "forgiven_count",
  "revision",
  "hold_count",
  "decided_at",
  "policy_version",
  "type_version",
  "preferences_version",
  "template_version_id",
  "route_id",
  "failed_channels",
];

/** How deliveries end: SQL over the columns of the deleted rows. */
interface End {
  status: string;
  reason: string;
  detail?: string;
  attemptCount?: string;
  groupId?: string;
  /** The last attempt, where the deliveries end with one. */
  attempt?: Record<
    "provider" | "outcome" | "failure" | "response" | "startedAt" | "finishedAt",
    string
  >;
}

/**
 * The common table expression `ended`. The expression `taken` before it must have deleted rows of `open_deliveries`, and returned all their
 * columns with the other values that `End` uses.
 */
export const endDeliveries = (
  taken: string,
  { status, reason, detail, attemptCount = "attempt_count", groupId = "group_id", attempt }: End,
) => {
  const written = {
    status,
    reason,
    detail: detail ?? "NULL",
    attempt_count: attemptCount,
    group_id: groupId,
    finished_at: "ledger_now()",
    ...(attempt && {
      provider: attempt.provider,
      outcome: attempt.outcome,
      failure: attempt.failure,
      response: attempt.response,
      attempt_started_at: attempt.startedAt,
      attempt_finished_at: attempt.finishedAt,
    }),
  };
  const shared = sharedColumns.join(", ");
  return `ended AS (
    INSERT INTO ended_deliveries (${shared}, ${Object.keys(written).join(", ")})
    SELECT ${shared}, ${Object.values(written).join(", ")} FROM ${taken}
    RETURNING id, campaign_id, notification_id, recipient_id, leg, status, reason, channel, priority, queue, group_id, created_at, finished_at, route_id, provider
  ),
  ${writeNextStages("ended")},
  counted AS (${countChanges(changesOfEnded("ended"), changesOfCreated("next_stages"))})`;
};

/** The statuses of deliveries whose message was sent, or may have been. */
const mayHaveBeenSent = "'sent', 'delivered', 'unknown'";

/**
 * The reasons for which a suppressed delivery does not end its route: they concern a channel. Another reason holds for the next stage too, and
 * a person who cancels a delivery does not want the next one.
 */
const channelReasons = [
  "no_address",
  "address_suppressed",
  "channel_off",
] as const satisfies readonly Reason[];

/** The reason of a stage that was left out. The next one may be for a message that comes further. */
const leftOut = "already_reached" satisfies Reason;

/**
 * The common table expression `next_stages`, which writes the stages that follow the ended deliveries: those that begin some time after the
 * stage before. They begin at once where that one has failed. A stage is written once, even if the one before is retried and ends again.
 */
const writeNextStages = (ended: string) => `next_stages AS (
    INSERT INTO open_deliveries (id, campaign_id, notification_id, recipient_id, leg, channel, priority, queue, due_at, reason, hold_count, created_at, route_id)
    SELECT uuid_v7(e.finished_at), e.campaign_id, e.notification_id, e.recipient_id, next.leg,
      first_channel(next.stage->'via', r.email, r.phone, r.address_channels), e.priority, e.queue,
      e.finished_at + CASE WHEN e.status IN (${mayHaveBeenSent}) OR e.reason = '${leftOut}' THEN (next.stage #>> '{after,minutes}')::int * interval '1 minute' ELSE interval '0' END,
      '${"earlier_stage" satisfies Reason}', 1, e.finished_at, e.route_id
    FROM ${ended} AS e JOIN routes AS t ON t.id = e.route_id JOIN recipients AS r ON r.id = e.recipient_id
      CROSS JOIN LATERAL (
        SELECT n.number, 'stage:' || n.number AS leg, t.document #> ARRAY['stages', n.number::text] AS stage
        FROM (SELECT CASE e.leg WHEN 'primary' THEN 1 ELSE right(e.leg, 1)::int + 1 END AS number) AS n
      ) AS next
    WHERE e.route_id IS NOT NULL AND ${isStage("e")} AND next.stage ? 'after' AND r.erased_at IS NULL
      AND (e.status IN (${mayHaveBeenSent}, 'failed') OR e.status = 'suppressed' AND e.reason IN (${[...channelReasons, leftOut].map((reason) => `'${reason}'`).join(", ")}))
      AND NOT EXISTS (
        SELECT FROM ended_deliveries AS x
        WHERE x.recipient_id = e.recipient_id AND x.leg = next.leg AND (x.campaign_id = e.campaign_id OR x.notification_id = e.notification_id)
      )
    ON CONFLICT DO NOTHING RETURNING created_at, campaign_id, notification_id, leg, route_id
  )`;

/**
 * The SQL that writes reopened deliveries, from rows that were deleted from `ended_deliveries`. All channels of their stages may be tried
 * again, unless they go on on another one.
 */
export const reopenDeliveries = (
  taken: string,
  open: {
    dueAt: string;
    reason: string;
    forgivenCount: string;
    templateVersionId: string;
    /** The channel on which they go on, without their groups, and those that have failed. */
    next?: { channel: string; failedChannels: string };
  },
) => {
  const { channel = "channel", failedChannels = "'{}'" } = open.next ?? {};
  const groupId = open.next ? "NULL" : "group_id";
  const kept = [
    ...sharedColumns.filter(
      (name) =>
        !["channel", "forgiven_count", "template_version_id", "failed_channels"].includes(name),
    ),
    "attempt_count",
  ].join(", ");
  return `INSERT INTO open_deliveries (${kept}, channel, group_id, due_at, reason, forgiven_count, template_version_id, failed_channels)
    SELECT ${kept}, ${channel}, ${groupId}, ${open.dueAt}, ${open.reason}, ${open.forgivenCount}, ${open.templateVersionId}, ${failedChannels} FROM ${taken}`;
};

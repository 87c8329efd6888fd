import type { AttemptFailure } from "../domain/delivery/attempt.ts";
import { responseLimit } from "../domain/delivery/attempt.ts";
import type { Reason } from "../domain/delivery/reasons.ts";
import type { Channel } from "../domain/channel.ts";
import { isStage } from "./conditions.ts";
import { cellProperties, changesOfEnded, countChanges } from "./delivery-counts.ts";
import { reopenDeliveries } from "./on-end.ts";
import { defineStatement, type Execute } from "./sql.ts";
import type { ChangedRow } from "./transitions.ts";

/*
 * The transitions of deliveries that have ended, by what becomes known of their messages later. The numbers change in the same statement. A
 * delivery keeps the instant of its hand-over.
 *
 * What was returned stays returned: reports may come in any order, and a server in between says that it has delivered a message which its
 * recipient's own server then returns.
 */

/** The statuses of messages that have left, and of which nothing bad is known. */
const mayArrive = "'sent', 'delivered', 'unknown'";

/** The changes of counts for rows of `changed` that had the status `old_status` and the reason `old_reason` before. */
const changesFromBefore = changesOfEnded(
  `(SELECT ${cellProperties
    .filter((name) => name !== "status" && name !== "reason" && name !== "type_id")
    .join(", ")}, notification_id, old_status AS status, old_reason AS reason FROM changed)`,
  { count: "-count(*)::int" },
);

const counted = `counted AS (${countChanges(changesFromBefore, changesOfEnded("changed"))})`;

/** A subquery of locked rows. A row that another transaction has locked is being retried, so that it is not skipped unless `lock` says so. */
const lockedEnded = (condition: string, lock: string) =>
  `(SELECT id, status AS old_status, reason AS old_reason FROM ended_deliveries WHERE id = ANY(:ids::uuid[]) AND channel = :channel::channel AND ${condition} ORDER BY id FOR NO KEY UPDATE ${lock}) AS locked`;

const deliveredStatement = defineStatement<
  { ids: readonly string[]; channel: Channel },
  { id: string }
>(`
  WITH changed AS (
    UPDATE ended_deliveries d SET status = 'delivered', reason = NULL FROM ${lockedEnded("status = 'sent'", "SKIP LOCKED")}
    WHERE d.id = locked.id RETURNING d.*, locked.old_status, locked.old_reason
  ),
  ${counted}
  SELECT id FROM changed`);

/**
 * Marks those of the deliveries as `delivered` that were sent on a channel, because a receipt shows that their messages have arrived. Resolves with
 * their ids.
 */
export const markDelivered = async (
  execute: Execute,
  ids: readonly string[],
  channel: Channel,
): Promise<string[]> => (await execute(deliveredStatement, { ids, channel })).map(({ id }) => id);

const lockStatement = defineStatement<{ ids: readonly string[] }>(
  "SELECT FROM ended_deliveries WHERE id = ANY(:ids::uuid[]) ORDER BY id FOR UPDATE",
);

/**
 * Locks deliveries whose messages were returned. It comes before their engagements are locked: anybody who records another one has a weaker lock on the
 * delivery, which does not let it be diverted, and may wait for the engagement.
 */
export const lockReturned = (execute: Execute, ids: readonly string[]) =>
  execute(lockStatement, { ids });

/** Why messages were returned. */
interface Return {
  failure: AttemptFailure;
  /** The answer in the report, without addresses. */
  reply: string;
}

const returnedStatement = defineStatement<
  { ids: readonly string[]; channel: Channel } & Return,
  { id: string }
>(`
  WITH changed AS (
    UPDATE ended_deliveries d SET status = 'failed', reason = '${"bounced" satisfies Reason}', detail = :reply::text, failure = :failure::text
    FROM ${lockedEnded(`status IN (${mayArrive})`, "")}
    WHERE d.id = locked.id RETURNING d.*, locked.old_status, locked.old_reason
  ),
  ${counted}
  SELECT id FROM changed`);

/**
 * Ends those of the deliveries as `failed` whose messages were sent and returned. Resolves with their ids.
 */
export const failReturned = async (
  execute: Execute,
  ids: readonly string[],
  channel: Channel,
  returned: Return,
): Promise<string[]> =>
  (await execute(returnedStatement, { ids, channel, ...returned })).map(({ id }) => id);

/** A row that is locked is due already. */
const hurryStatement = defineStatement<{ ids: readonly string[] }, ChangedRow>(`
  UPDATE open_deliveries w SET due_at = ledger_now()
  FROM (
    SELECT o.id FROM ended_deliveries own JOIN open_deliveries o ON o.recipient_id = own.recipient_id
      AND (o.campaign_id = own.campaign_id OR o.notification_id = own.notification_id)
      AND o.leg = 'stage:' || CASE own.leg WHEN 'primary' THEN 1 ELSE right(own.leg, 1)::int + 1 END
    WHERE own.id = ANY(:ids::uuid[]) AND (own.leg = 'primary' OR own.leg LIKE 'stage:%')
      AND o.reason = '${"earlier_stage" satisfies Reason}' AND o.lease_token IS NULL AND o.due_at > ledger_now()
    ORDER BY o.id FOR UPDATE OF o SKIP LOCKED
  ) AS locked
  WHERE w.id = locked.id RETURNING w.id, w.campaign_id AS "campaignId", w.queue`);

/** Lets the stages begin at once that wait for their time after stages which have failed. Resolves with these, whose workflows have to be woken. */
export const hurryNextStages = (execute: Execute, ids: readonly string[]): Promise<ChangedRow[]> =>
  execute(hurryStatement, { ids });

const reopenStagesStatement = defineStatement<
  { ids: readonly string[] },
  ChangedRow & { leg: string }
>(`
  WITH taken AS (
    DELETE FROM ended_deliveries d
    USING (
      SELECT o.id FROM ended_deliveries o WHERE o.id = ANY (ARRAY(
        SELECT later.id FROM deliveries own JOIN ended_deliveries later ON later.recipient_id = own.recipient_id
          AND (later.campaign_id = own.campaign_id OR later.notification_id = own.notification_id)
        WHERE own.id = ANY(:ids::uuid[]) AND ${isStage("own")} AND ${isStage("later")} AND later.leg > own.leg
      )) AND o.status = 'suppressed' AND o.reason = '${"already_reached" satisfies Reason}'
      ORDER BY o.id FOR UPDATE
    ) AS locked
    WHERE d.id = locked.id RETURNING d.*
  ),
  counted AS (${countChanges(changesOfEnded("taken", { count: "-count(*)::int" }))})
  ${reopenDeliveries("taken", {
    dueAt: "ledger_now()",
    reason: `'${"earlier_stage" satisfies Reason}'`,
    forgivenCount: "attempt_count",
    templateVersionId: "template_version_id",
    next: { channel: "channel", failedChannels: "'{}'" },
  })}
  RETURNING id, campaign_id AS "campaignId", queue, leg`);

/**
 * Reopens the later stages of returned deliveries that were left out, because an earlier stage had come far enough: the policy decides about each of them
 * again, and leaves it out again where another stage still has.
 */
export const reopenLaterStages = (
  execute: Execute,
  ids: readonly string[],
): Promise<(ChangedRow & { leg: string })[]> => execute(reopenStagesStatement, { ids });

const divertStatement = defineStatement<
  { ids: readonly string[]; channel: Channel; next: readonly Channel[] } & Return,
  ChangedRow & { leg: string }
>(`
  WITH taken AS (
    DELETE FROM ended_deliveries d
    USING (
      SELECT o.id, named.next FROM ended_deliveries o JOIN unnest(:ids::uuid[], :next::channel[]) AS named(id, next) ON named.id = o.id
      WHERE o.channel = :channel::channel AND o.status IN (${mayArrive}) ORDER BY o.id FOR UPDATE OF o
    ) AS locked
    WHERE d.id = locked.id RETURNING d.*, locked.next
  ),
  evidence AS (
    INSERT INTO earlier_attempts (delivery_id, number, channel, provider, outcome, failure, response, started_at, finished_at)
    SELECT id, attempt_count, channel, provider, outcome, :failure::text, left(concat_ws('; returned later: ', response, :reply::text), ${responseLimit}), attempt_started_at, attempt_finished_at
    FROM taken WHERE outcome IS NOT NULL
  ),
  counted AS (${countChanges(changesOfEnded("taken", { count: "-count(*)::int" }))})
  ${reopenDeliveries("taken", {
    dueAt: "ledger_now()",
    reason: `'${"next_channel" satisfies Reason}'`,
    forgivenCount: "attempt_count",
    templateVersionId: "template_version_id",
    next: { channel: "next", failedChannels: "failed_channels || channel" },
  })}
  RETURNING id, campaign_id AS "campaignId", queue, leg`);

/**
 * Lets those of the deliveries whose messages were sent and returned go on on their next channels, due now and with all their attempts. They keep the
 * returned attempt as evidence, and leave their groups.
 */
export const divertReturned = (
  execute: Execute,
  returned: readonly { id: string; next: Channel }[],
  channel: Channel,
  why: Return,
): Promise<(ChangedRow & { leg: string })[]> =>
  execute(divertStatement, {
    ids: returned.map(({ id }) => id),
    next: returned.map(({ next }) => next),
    channel,
    ...why,
  });

import type { CopyKind, CopyStatus } from "../domain/copies.ts";
import type { SuppressionReason } from "../domain/suppression.ts";
import type { Pool } from "pg";
import { defineStatement, type Execute, executeOn } from "./sql.ts";
import { readSuppressions } from "./suppressions.ts";

/* What belongs to the emails of single notifications: attachments, and addresses that receive copies. Few notifications have any. The attachments of a campaign are in its own row. */

/** An address that receives a copy of an email. */
export interface CopyAddress {
  kind: CopyKind;
  address: string;
}

/** An address that is to receive a copy, with the place in its notification. */
export interface Copy extends CopyAddress {
  position: number;
  /** Why the address must not be sent to; null if it may be. */
  suppression: SuppressionReason | null;
}

/** The attachments and the copies of an email. */
export interface EmailExtras {
  /** The notification whose copies are recorded; null for a campaign, which has none. */
  notificationId: string | null;
  /** The UUIDs of the attachments, in their order. */
  attachments: readonly string[];
  /** The copies that have not been sent yet. */
  copies: readonly Copy[];
}

const addStatement = defineStatement<{
  id: string;
  attachmentIds: readonly string[];
  kinds: readonly CopyKind[];
  addresses: readonly string[];
}>(
  `WITH attached AS (
     INSERT INTO notification_attachments (notification_id, position, attachment_id)
     SELECT :id::uuid, place - 1, attachment_id FROM unnest(:attachmentIds::uuid[]) WITH ORDINALITY AS a(attachment_id, place)
   )
   INSERT INTO notification_copies (notification_id, position, kind, address)
   SELECT :id::uuid, place - 1, kind, address FROM unnest(:kinds::text[], :addresses::text[]) WITH ORDINALITY AS c(kind, address, place)`,
);

/** Adds attachments and copies to a notification, within the transaction that accepts it. */
export async function addEmailExtras(
  execute: Execute,
  id: string,
  { attachmentIds, copies }: { attachmentIds: readonly string[]; copies: readonly CopyAddress[] },
): Promise<void> {
  await execute(addStatement, {
    id,
    attachmentIds,
    kinds: copies.map(({ kind }) => kind),
    addresses: copies.map(({ address }) => address),
  });
}

const readStatement = defineStatement<
  { ids: readonly string[] },
  {
    notificationId: string;
    attachments: string[];
    copies: { position: number; kind: CopyKind; address: string }[];
  }
>(
  `SELECT n.id AS "notificationId",
     ARRAY(SELECT a.attachment_id FROM notification_attachments a WHERE a.notification_id = n.id ORDER BY a.position) AS attachments,
     coalesce((
       SELECT json_agg(json_build_object('position', c.position, 'kind', c.kind, 'address', c.address) ORDER BY c.position)
       FROM notification_copies c WHERE c.notification_id = n.id AND c.status IN ('pending', 'unknown') AND c.address IS NOT NULL
     ), '[]') AS copies
   FROM unnest(:ids::uuid[]) AS n(id)`,
  "email-extras",
);

/** Reads the attachments of notifications, and their copies that were not sent yet. Notifications without any are left out. */
export async function readEmailExtras(
  pool: Pick<Pool, "query">,
  ids: readonly string[],
): Promise<Map<string, EmailExtras>> {
  if (ids.length === 0) return new Map();
  const rows = await executeOn(pool)(readStatement, { ids });
  const channel = "email" as const;
  const suppressionOf = await readSuppressions(
    pool,
    rows.flatMap(({ copies }) => copies.map(({ address }) => ({ channel, address }))),
  );
  return new Map(
    rows
      .filter(({ attachments, copies }) => attachments.length + copies.length > 0)
      .map(({ notificationId, attachments, copies }) => [
        notificationId,
        {
          notificationId,
          attachments,
          copies: copies.map((copy) => ({
            ...copy,
            suppression: suppressionOf({ channel, address: copy.address })?.reason ?? null,
          })),
        },
      ]),
  );
}

/** What became of a copy. */
export interface CopyOutcome {
  position: number;
  status: Exclude<CopyStatus, "pending">;
  /** The provider's answer to a refused address, or why it is suppressed. */
  detail: string | null;
}

/** What became of the copies of a notification's email. */
export interface CopyOutcomes {
  notificationId: string;
  copies: readonly CopyOutcome[];
}

const recordStatement = defineStatement<{
  ids: readonly string[];
  positions: readonly number[];
  statuses: readonly CopyStatus[];
  details: readonly (string | null)[];
}>(
  `UPDATE notification_copies c SET status = o.status, detail = CASE WHEN c.address IS NULL THEN NULL ELSE o.detail END, decided_at = ledger_now()
   FROM unnest(:ids::uuid[], :positions::smallint[], :statuses::text[], :details::text[]) AS o(id, position, status, detail)
   WHERE c.notification_id = o.id AND c.position = o.position AND c.status IN ('pending', 'unknown')`,
);

/** Records what became of copies. A copy that was sent stays so. */
export async function recordCopies(
  execute: Execute,
  outcomes: readonly CopyOutcomes[],
): Promise<void> {
  const rows = outcomes.flatMap(({ notificationId, copies }) =>
    copies.map((copy) => ({ notificationId, ...copy })),
  );
  await execute(recordStatement, {
    ids: rows.map(({ notificationId }) => notificationId),
    positions: rows.map(({ position }) => position),
    statuses: rows.map(({ status }) => status),
    details: rows.map(({ detail }) => detail),
  });
}

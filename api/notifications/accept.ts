import type { Pool } from "pg";
import { newUuid, publicId } from "../../domain/ids.ts";
import { isUnsent } from "../../ledger/conditions.ts";
import type { NewNotification } from "../../domain/notification.ts";
import type { Priority } from "../../domain/priority.ts";
import { queueName } from "../../domain/delivery/queues.ts";
import { recipientReference } from "../../domain/recipient.ts";
import type { Admission, Reservation } from "./admission.ts";
import { isForeignKeyViolation } from "../http/database-errors.ts";
import {
  type Answer,
  type KeyedRequest,
  type KeyState,
  keyStateSql,
  replayOf,
  retryOnce,
} from "../http/idempotency.ts";
import { type FieldError, invalid, Problem } from "../http/problem.ts";
import type { NotificationTypeLookup } from "../notification-types/lookup.ts";
import {
  dataErrors,
  type NamedVersion,
  type TemplateVersions,
} from "../templates/version-cache.ts";

export interface Acceptance extends Answer {
  /** Queues that have new rows; none for a replay. */
  queues: string[];
}

const acceptedStatus = 202;

/**
 * Accepting a notification is the one write that has to be fast, so that it is one statement, and a transaction by
 * itself: look for the answer kept under the key, find the recipients and hold them against erasure, and only if all
 * are known and none has too much waiting for it, all is well ($12), the template is not archived and the version is still
 * the active one where that was asked for ($16), write the notification, its rows and its answer. What waits for a
 * recipient are its open rows, but for those that wait as the recipient wishes; $20 leaves room for those that others are about to write, which this statement cannot see.
 */
const acceptSql = `
  WITH state AS MATERIALIZED (${keyStateSql("$1", "$2")}),
  held AS MATERIALIZED (
    SELECT r.id, r.external_id FROM recipients AS r
    WHERE r.erased_at IS NULL AND (r.external_id = ANY($4::text[]) OR r.id = ANY($6::uuid[]))
    FOR KEY SHARE
  ),
  -- NOT IN, since it is hashed whatever number of recipients the plan was made for.
  missing AS MATERIALIZED (
    SELECT ref FROM unnest($4::text[]) AS named(ref) WHERE ref NOT IN (SELECT external_id FROM held)
    UNION ALL SELECT ref FROM unnest($5::text[], $6::uuid[]) AS named(ref, id) WHERE id NOT IN (SELECT id FROM held)
  ),
  crowded AS MATERIALIZED (
    SELECT h.id, h.external_id FROM held AS h CROSS JOIN LATERAL (
      SELECT count(*) AS open FROM (
        SELECT FROM deliveries AS d WHERE d.recipient_id = h.id AND ${isUnsent("d")} LIMIT $20::int
      ) AS o
    ) AS waiting
    WHERE waiting.open >= $20::int
  ),
  version AS MATERIALIZED (
    SELECT $8::uuid IS NULL OR EXISTS (
      SELECT FROM template_versions AS v JOIN templates AS t ON t.id = v.template_id
      WHERE v.id = $8::uuid AND t.archived_at IS NULL AND (t.active_version = v.version OR NOT $16::boolean)
    ) AS current
  ),
  notification AS (
    INSERT INTO notifications (id, template_version_id, priority, data, send_at, created_at, created_by, request_id, test,
      type_id, occurs_at, expires_at, entity_id, dedup_key, collapse_key, batchable, bypass_rate_limit, actions)
    SELECT $7::uuid, $8::uuid, $9::text::priority, $10::text::jsonb, $11::timestamptz, $14::timestamptz, $17::text, $18::text, $19::boolean,
      $21::uuid, $22::timestamptz, $23::timestamptz, $24::text, $25::text, $26::text, $27::boolean, $28::boolean, $29::text::jsonb
    FROM state, version
    WHERE $12::boolean AND version.current AND (state.locked OR $2::text IS NULL) AND state."requestHash" IS NULL
      AND NOT EXISTS (SELECT FROM missing) AND NOT EXISTS (SELECT FROM crowded)
    RETURNING id, priority, send_at, created_at, test
  ),
  -- To go past the limits is a right that somebody used.
  bypass AS (
    INSERT INTO audit_entries (id, actor, action, resource, request_id, after, created_at)
    SELECT $30::uuid, $17::text, 'notification.bypass-rate-limit', $15::text, $18::text, jsonb_build_object('recipients', (SELECT count(*) FROM held)), n.created_at
    FROM notification AS n WHERE $28::boolean
  ),
  -- A try is for whoever asks for it, and waits for nothing.
  rows AS (
    INSERT INTO deliveries (id, notification_id, recipient_id, channel, priority, queue, due_at, reason, created_at)
    SELECT uuid_v7(n.created_at), n.id, h.id, 'email', n.priority, ($13::text[])[get_byte(uuid_send(h.id), 15) % cardinality($13::text[]) + 1], n.send_at,
      CASE WHEN n.test THEN 'send_requested' END, n.created_at
    FROM notification AS n, held AS h
    RETURNING queue
  ),
  answer AS MATERIALIZED (
    SELECT format('{"id":"%s","deliveries":%s}', $15::text, count(*)) AS text, count(*)::int AS count, array_agg(DISTINCT queue) AS queues FROM rows HAVING count(*) > 0
  ),
  kept AS (
    INSERT INTO idempotency_keys (scope, key, request_hash, status, body, created_at)
    SELECT $1::text, $2::text, $3::text, ${acceptedStatus}, to_jsonb(answer.text), $14::timestamptz FROM answer WHERE $2::text IS NOT NULL
  )
  SELECT state.*, version.current, answer.text AS accepted, answer.count, answer.queues, ARRAY(SELECT ref FROM missing) AS missing,
    ARRAY(SELECT id FROM crowded) AS "crowdedIds", ARRAY(SELECT external_id FROM crowded) AS "crowdedNames"
  FROM state CROSS JOIN version LEFT JOIN answer ON true`;

interface AcceptRow extends KeyState {
  /** Is the version still the one meant, and may be used? */
  current: boolean;
  accepted: string | null;
  /** Of deliveries that were written. */
  count: number | null;
  queues: string[] | null;
  missing: string[];
  /** Recipients for whom as much waits as may. */
  crowdedIds: string[];
  crowdedNames: string[];
}

interface Deps {
  pool: Pool;
  backlog: Admission;
  versions: TemplateVersions;
  types: NotificationTypeLookup;
  mailboxShards: number;
  now: Date;
}

/** Who asks, in which request. */
export interface Origin {
  caller: string;
  requestId: string;
  /** A try of a template. */
  test?: boolean;
}

/**
 * Writes a notification, one row for each recipient and the answer under its key, all or nothing. A recipient named twice
 * is told once. Throws the problem that stands in the way; where that is how much waits already, nothing of the request is
 * kept, and an answer that its key has already is given all the same.
 */
export async function acceptNotification(
  deps: Deps,
  notification: NewNotification,
  origin: Origin,
  request: KeyedRequest | null,
): Promise<Acceptance> {
  const { template, recipients } = notification;
  const remembered = await deps.versions.remembered(template);
  const named = notification.type === undefined ? null : await deps.types.find(notification.type);
  const type = named?.kind === "type" ? named.type : null;
  const priority = notification.priority ?? type?.priority ?? "normal";
  const wanted: Wanted = {
    ...notification,
    priority,
    typeId: type?.id ?? null,
    errors: named?.kind === "unusable" ? [named.error] : [],
  };
  const place = await deps.backlog.reserve(recipients, priority === "critical");
  // Until it is known what was written, it may have been all.
  let written = recipients.length;
  try {
    if (!place.admitted && !request) throw tooManyInAll(place, recipients.length);
    const accept = async (version: NamedVersion) =>
      tryToAccept(deps, wanted, origin, version, request, place);
    const acceptance =
      (await accept(remembered)) ??
      // Somebody has activated a version, which may ask for other data, or archived the template.
      (await accept(await deps.versions.find(template))) ??
      raced();
    written = acceptance.written;
    return acceptance;
  } catch (error) {
    if (error instanceof Problem || isForeignKeyViolation(error)) written = 0;
    throw error;
  } finally {
    place.release(written);
  }
}

function raced(): never {
  throw new Problem("conflict", "The template is being changed. Repeat the request.");
}

/** A notification with its type found, its priority settled, and what is wrong with it so far. */
type Wanted = NewNotification & {
  priority: Priority;
  typeId: string | null;
  errors: readonly FieldError[];
};

/** Null if `version` may not be used any more, or is not the active one and that was asked for. */
async function tryToAccept(
  { pool, mailboxShards, now }: Deps,
  wanted: Wanted,
  { caller, requestId, test = false }: Origin,
  version: NamedVersion,
  request: KeyedRequest | null,
  place: Reservation,
): Promise<(Acceptance & { written: number }) | null> {
  const { recipients, template, data, priority, sendAt } = wanted;
  const errors: FieldError[] = [
    ...wanted.errors,
    ...(version.kind === "pinned" ? dataErrors(version.checkData, data) : [version.error]),
  ];
  const externalIds: string[] = [];
  const ids = new Map<string, string>();
  for (const reference of recipients) {
    const named = recipientReference(reference);
    if ("id" in named) ids.set(reference, named.id);
    else externalIds.push(reference);
  }
  const kind = priority === "critical" ? "critical" : "mailbox";
  const id = newUuid(now);
  const values = [
    request?.scope ?? null,
    request?.key ?? null,
    request?.hash ?? null,
    externalIds,
    [...ids.keys()],
    [...ids.values()],
    id,
    version.kind === "pinned" ? version.id : null,
    priority,
    JSON.stringify(data),
    sendAt && sendAt > now ? sendAt : now,
    errors.length === 0 && place.admitted,
    Array.from({ length: mailboxShards }, (_, shard) => queueName({ kind, shard })),
    now,
    publicId("notification", id),
    template.version === undefined,
    caller,
    requestId,
    test,
  ];
  const ask = async (room: number) => {
    const { rows } = await retryOnce(request, () =>
      pool.query<AcceptRow>({
        name: "accept-notification",
        text: acceptSql,
        values: [
          ...values,
          Math.max(0, room),
          wanted.typeId,
          wanted.occursAt ?? null,
          wanted.expiresAt ?? null,
          wanted.entityId ?? null,
          wanted.dedupKey ?? null,
          wanted.collapseKey ?? null,
          wanted.batchable ?? true,
          wanted.bypassRateLimit ?? false,
          JSON.stringify(wanted.actions),
          newUuid(now),
        ],
      }),
    );
    return rows[0]!;
  };
  const { perRecipient } = place.limits;
  const others = place.otherReservations();
  let row = await ask(perRecipient - others);
  if (row.crowdedIds.length > 0 && others > 0) {
    // Perhaps only by what others were about to write, of which some is there now, and some never will be.
    await place.waitForOthers();
    row = await ask(perRecipient);
  }
  const { current, accepted, count, queues, missing } = row;
  if (accepted !== null) {
    const answer = { status: acceptedStatus, text: accepted, replayed: false };
    return { ...answer, queues: queues!, written: count! };
  }
  const kept = request && replayOf(request, row);
  if (kept) return { ...kept, queues: [], written: 0 };
  if (!current) return null;
  const named = (refused: ReadonlySet<string>, message: string): FieldError[] =>
    [...recipients.entries()].flatMap(([index, reference]) =>
      refused.has(reference) || refused.has(ids.get(reference) ?? "")
        ? [{ in: "body", field: `/recipients/${index}`, message }]
        : [],
    );
  errors.push(
    ...named(
      new Set(missing),
      "names no recipient: create it first with PUT /v1/recipients/{external id}",
    ),
  );
  if (errors.length > 0) throw invalid(errors);
  if (!place.admitted) throw tooManyInAll(place, recipients.length);
  const crowded = new Set([...row.crowdedIds, ...row.crowdedNames]);
  throw tooManyUnsent(
    `${crowdedOf(row)} as many deliveries waiting as may: ${perRecipient} (MAX_UNSENT_PER_RECIPIENT).`,
    named(crowded, "has too much waiting"),
  );
}

const crowdedOf = ({ crowdedIds: { length } }: AcceptRow) =>
  length === 1 ? "One of the recipients has" : `${length} of the recipients have`;

const tooManyInAll = ({ limits }: Reservation, wanted: number) =>
  tooManyUnsent(
    `At most ${limits.inAll} deliveries outside campaigns may be accepted and not sent yet (MAX_UNSENT). There is no room for ${wanted} more.`,
  );

/** Something is sent every moment, or will be: it is worth while to try again soon. */
const tooManyUnsent = (detail: string, errors: readonly FieldError[] = []) =>
  new Problem("too-many-unsent", `${detail} Nothing of the request was kept: repeat it later.`, {
    headers: { "Retry-After": "1" },
    errors,
  });

import type { Channel } from "../domain/channel.ts";
import { suppressionKey } from "../domain/suppression.ts";
import { newUuid, publicId } from "../domain/ids.ts";
import { withoutAddresses } from "../config/describe-error.ts";
import { cutText } from "../domain/text.ts";
import type { AttemptFailure } from "../domain/delivery/attempt.ts";
import { defineStatement, type Execute } from "./sql.ts";
import { givesWay } from "./suppressions.ts";

/*
 * What follows from messages that bounce: the address is suppressed, with the answer as evidence. An address that leads to nobody, at
 * once and for good. A mailbox that is full, or refuses in another way, once it has done so on three days with nothing taken in between,
 * and for 90 days: then it is tried again. What servers refuse for their own reasons, or for ours, is never the address's fault.
 * (As Mailman scores bounces, a point a day: https://docs.mailman3.org/projects/mailman/en/latest/src/mailman/rules/docs/bounces.html.)
 */

/** A delivery that was refused for whom it goes to. */
export interface Bounce {
  /** The UUID of the delivery. */
  id: string;
  recipientId: string;
  channel: Channel;
  /** Where it was sent. */
  address: string;
  failure: AttemptFailure;
  response: string | null;
}

const hardFailures: ReadonlySet<AttemptFailure> = new Set<AttemptFailure>(["unknown_address"]);
const softFailures: ReadonlySet<AttemptFailure> = new Set<AttemptFailure>([
  "mailbox_full",
  "recipient_refused",
]);

/** Is it the address at which a message failed so? */
export const isBounce = (failure: AttemptFailure | null): failure is AttemptFailure =>
  failure !== null && (hardFailures.has(failure) || softFailures.has(failure));

const softBounceDays = 3;
const softSuppressionDays = 90;
const noteLimit = 1_000;

/** Of a person who was erased while the message was on its way the address is kept as a hash (domain/suppression.ts). */
const keptAddress = `CASE WHEN EXISTS (SELECT FROM recipients r WHERE r.id = b.recipient_id AND r.erased_at IS NOT NULL)
     THEN 'sha256:' || encode(sha256(convert_to(b.address, 'UTF8')), 'hex') ELSE b.address END`;

interface SuppressParameters {
  recipientIds: readonly string[];
  ids: readonly string[];
  channels: readonly Channel[];
  addresses: readonly string[];
  notes: readonly string[];
  deliveryIds: readonly string[];
}

/** `where`: which suppression `s` of the address is replaced. */
const unless = (where: string) => `
  ON CONFLICT (channel, address) DO UPDATE SET id = excluded.id, reason = excluded.reason, note = excluded.note, created_by = excluded.created_by,
    created_at = excluded.created_at, expires_at = excluded.expires_at
  WHERE ${where}`;

const columns = "id, channel, address, reason, note, created_by, created_at, expires_at";

const suppressStatement = defineStatement<SuppressParameters>(
  `INSERT INTO suppressions AS s (${columns})
   SELECT DISTINCT ON (b.channel, b.address) b.id, b.channel, ${keptAddress}, 'bounced'::suppression_reason, b.note, b.delivery_id, ledger_now(), NULL::timestamptz
   FROM unnest(:ids::uuid[], :channels::channel[], :addresses::text[], :notes::text[], :deliveryIds::text[], :recipientIds::uuid[])
     AS b(id, channel, address, note, delivery_id, recipient_id)
   ORDER BY b.channel, b.address, b.id
   ${unless(givesWay)}`,
  "suppress-bounced",
);

const failureList = (failures: ReadonlySet<AttemptFailure>) => `'{${[...failures].join(",")}}'`;

const suppressRepeatedStatement = defineStatement<SuppressParameters>(
  `WITH clock AS MATERIALIZED (SELECT now, now - interval '${softSuppressionDays} days' AS since FROM ledger_now() AS now)
   INSERT INTO suppressions AS s (${columns})
   SELECT DISTINCT ON (b.channel, b.address) b.id, b.channel, ${keptAddress}, 'bounced'::suppression_reason, b.note, b.delivery_id, clock.now, clock.now + interval '${softSuppressionDays} days'
   FROM unnest(:ids::uuid[], :channels::channel[], :addresses::text[], :notes::text[], :deliveryIds::text[], :recipientIds::uuid[])
     AS b(id, channel, address, note, delivery_id, recipient_id),
   clock, LATERAL (
     SELECT count(DISTINCT (a.finished_at AT TIME ZONE 'UTC')::date) AS days
     FROM deliveries d JOIN attempts a ON a.delivery_id = d.id
     WHERE d.recipient_id = b.recipient_id AND d.channel = b.channel AND d.created_at > clock.since AND a.failure = ANY (${failureList(softFailures)}::text[])
       AND a.finished_at > coalesce((
         SELECT max(o.finished_at) FROM deliveries o
         WHERE o.recipient_id = b.recipient_id AND o.channel = b.channel AND o.created_at > clock.since AND o.status IN ('sent', 'delivered')
       ), '-infinity')
   ) AS bounced
   WHERE bounced.days >= ${softBounceDays}
   ORDER BY b.channel, b.address, b.id
   ${unless("s.expires_at <= ledger_now()")}`,
  "suppress-repeatedly-bounced",
);

/** Suppresses addresses that lead to nobody. Harmless when repeated. */
export async function suppressUnknownAddresses(
  execute: Execute,
  bounces: readonly Bounce[],
): Promise<void> {
  const hard = parametersOf(bounces.filter(({ failure }) => hardFailures.has(failure)));
  if (hard.ids.length > 0) await execute(suppressStatement, hard);
}

/** Suppresses those of the addresses that have bounced on too many days, once what became of the deliveries is in the ledger. */
export async function suppressRepeatedBounces(
  execute: Execute,
  bounces: readonly Bounce[],
): Promise<void> {
  const soft = parametersOf(bounces.filter(({ failure }) => softFailures.has(failure)));
  if (soft.ids.length > 0) await execute(suppressRepeatedStatement, soft);
}

function parametersOf(bounces: readonly Bounce[]) {
  const keyed = bounces.flatMap((bounce) => {
    const address = suppressionKey(bounce.channel, bounce.address);
    return address === null ? [] : [{ ...bounce, address }];
  });
  return {
    ids: keyed.map(() => newUuid()),
    channels: keyed.map(({ channel }) => channel),
    addresses: keyed.map(({ address }) => address),
    notes: keyed.map(({ response }) => noteOf(response)),
    deliveryIds: keyed.map(({ id }) => publicId("delivery", id)),
    recipientIds: keyed.map(({ recipientId }) => recipientId),
  };
}

/** The answer, without the addresses in it: a suppression outlives the erasure of its recipient. */
const noteOf = (response: string | null) => cutText(withoutAddresses(response ?? ""), noteLimit);

import type { Channel } from "../domain/channel.ts";
import { hashedAddress, suppressionKey, type SuppressionReason } from "../domain/suppression.ts";
import { newUuid, publicId } from "../domain/ids.ts";
import { bounceClassOf } from "../domain/delivery/bounce-class.ts";
import { withoutAddresses } from "../config/describe-error.ts";
import { cutText } from "../domain/text.ts";
import { type AttemptFailure, attemptFailures } from "../domain/delivery/attempt.ts";
import { defineStatement, type Execute } from "./sql.ts";
import { givesWay } from "./suppressions.ts";

/*
 * An address whose messages bounce is suppressed, with the server's answer as evidence, whether the server refused them or returned them later. An address that does not exist is suppressed at once
 * and permanently. An address whose mailbox is full or refuses for another reason is suppressed for 90 days, once it has done so on three
 * days without accepting a message in between. Refusals because of the sender or the server never count against the address.
 * An address whose owner complains is suppressed at once.
 * (Mailman scores bounces the same way, one point a day: https://docs.mailman3.org/projects/mailman/en/latest/src/mailman/rules/docs/bounces.html.)
 */

/** A delivery that was refused or returned because of its recipient. */
export interface Bounce extends Complaint {
  failure: AttemptFailure;
}

/** What is known of a message because of which an address is suppressed. */
export interface Complaint {
  /** The UUID of the delivery. */
  id: string;
  recipientId: string;
  channel: Channel;
  /** The address to which it was sent. */
  address: string;
  response: string | null;
}

const isHard = (failure: AttemptFailure | null) => bounceClassOf(failure) === "hard";
const isSoft = (failure: AttemptFailure | null) =>
  ["soft", "full"].includes(bounceClassOf(failure) ?? "");

/** Whether a failure counts against the address. */
export const isBounce = (failure: AttemptFailure | null): failure is AttemptFailure =>
  isHard(failure) || isSoft(failure);

const softBounceDays = 3;
const softSuppressionDays = 90;
const noteLimit = 1_000;

/** If the recipient was erased during the hand-over, the address is stored as a hash (domain/suppression.ts). */
const keptAddress = `CASE WHEN EXISTS (SELECT FROM recipients r WHERE r.id = b.recipient_id AND r.erased_at IS NOT NULL)
     THEN 'sha256:' || encode(sha256(convert_to(b.address, 'UTF8')), 'hex') ELSE b.address END`;

interface SuppressParameters {
  recipientIds: readonly string[];
  ids: readonly string[];
  channels: readonly Channel[];
  addresses: readonly string[];
  notes: readonly (string | null)[];
  /** The public ids of deliveries, or who else caused it. */
  suppressedBy: readonly string[];
}

/** @param where the condition under which an existing suppression `s` of the address is replaced */
const unless = (where: string) => `
  ON CONFLICT (channel, address) DO UPDATE SET id = excluded.id, reason = excluded.reason, note = excluded.note, created_by = excluded.created_by,
    created_at = excluded.created_at, expires_at = excluded.expires_at
  WHERE ${where}`;

const columns = "id, channel, address, reason, note, created_by, created_at, expires_at";

const suppressStatement = defineStatement<
  SuppressParameters & { reason: SuppressionReason },
  { id: string }
>(
  `INSERT INTO suppressions AS s (${columns})
   SELECT DISTINCT ON (b.channel, b.address) b.id, b.channel, ${keptAddress}, :reason::suppression_reason, b.note, b.suppressed_by, ledger_now(), NULL::timestamptz
   FROM unnest(:ids::uuid[], :channels::channel[], :addresses::text[], :notes::text[], :suppressedBy::text[], :recipientIds::uuid[])
     AS b(id, channel, address, note, suppressed_by, recipient_id)
   ORDER BY b.channel, b.address, b.id
   ${unless(givesWay)} RETURNING id`,
  "suppress-addresses",
);

const softFailures = `'{${attemptFailures.filter(isSoft).join(",")}}'`;

const suppressRepeatedStatement = defineStatement<SuppressParameters>(
  `WITH clock AS MATERIALIZED (SELECT now, now - interval '${softSuppressionDays} days' AS since FROM ledger_now() AS now)
   INSERT INTO suppressions AS s (${columns})
   SELECT DISTINCT ON (b.channel, b.address) b.id, b.channel, ${keptAddress}, 'bounced'::suppression_reason, b.note, b.suppressed_by, clock.now, clock.now + interval '${softSuppressionDays} days'
   FROM unnest(:ids::uuid[], :channels::channel[], :addresses::text[], :notes::text[], :suppressedBy::text[], :recipientIds::uuid[])
     AS b(id, channel, address, note, suppressed_by, recipient_id),
   clock, LATERAL (
     SELECT count(DISTINCT (a.finished_at AT TIME ZONE 'UTC')::date) AS days
     FROM deliveries d JOIN attempts a ON a.delivery_id = d.id
     WHERE d.recipient_id = b.recipient_id AND d.channel = b.channel AND d.created_at > clock.since AND a.failure = ANY (${softFailures}::text[])
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

/** Suppresses addresses that do not exist. Idempotent. */
export async function suppressUnknownAddresses(
  execute: Execute,
  bounces: readonly Bounce[],
): Promise<void> {
  await suppress(
    execute,
    "bounced",
    bounces.filter(({ failure }) => isHard(failure)),
  );
}

/** Suppresses addresses whose owners complained about messages. Idempotent. */
export const suppressComplainants = (
  execute: Execute,
  complaints: readonly Complaint[],
): Promise<void> => suppress(execute, "complained", complaints);

/** Suppresses the address of a recipient who wants no more email. Resolves with whether it was not suppressed for good before. */
export async function suppressUnsubscribed(
  execute: Execute,
  { recipientId, address }: { recipientId: string; address: string },
): Promise<boolean> {
  const key = suppressionKey("email", address)!;
  const added = await execute(suppressStatement, {
    reason: "unsubscribed",
    ids: [newUuid()],
    channels: ["email"],
    addresses: [key],
    notes: [null],
    suppressedBy: ["recipient"],
    recipientIds: [recipientId],
  });
  return added.length > 0;
}

async function suppress(
  execute: Execute,
  reason: SuppressionReason,
  evidence: readonly Complaint[],
): Promise<void> {
  const parameters = parametersOf(evidence);
  if (parameters.ids.length > 0) await execute(suppressStatement, { reason, ...parameters });
}

const takeBackStatement = defineStatement<{ addresses: readonly string[]; deliveryId: string }>(
  "DELETE FROM suppressions WHERE channel = 'email' AND address = ANY(:addresses::text[]) AND reason = 'complained' AND created_by = :deliveryId::text",
);

/** Ends the suppression that the complaint about a delivery caused, because its recipient has said that the message is wanted. */
export async function takeComplaintBack(
  execute: Execute,
  { id, address }: Pick<Complaint, "id" | "address">,
): Promise<void> {
  const key = suppressionKey("email", address);
  if (key === null) return;
  const addresses = [key, hashedAddress(key)];
  await execute(takeBackStatement, { addresses, deliveryId: publicId("delivery", id) });
}

/** Suppresses the addresses that have bounced on too many days. The outcomes of the deliveries must be in the ledger before. */
export async function suppressRepeatedBounces(
  execute: Execute,
  bounces: readonly Bounce[],
): Promise<void> {
  const soft = parametersOf(bounces.filter(({ failure }) => isSoft(failure)));
  if (soft.ids.length > 0) await execute(suppressRepeatedStatement, soft);
}

function parametersOf(bounces: readonly Complaint[]) {
  const keyed = bounces.flatMap((bounce) => {
    const address = suppressionKey(bounce.channel, bounce.address);
    return address === null ? [] : [{ ...bounce, address }];
  });
  return {
    ids: keyed.map(() => newUuid()),
    channels: keyed.map(({ channel }) => channel),
    addresses: keyed.map(({ address }) => address),
    notes: keyed.map(({ response }) => noteOf(response)),
    suppressedBy: keyed.map(({ id }) => publicId("delivery", id)),
    recipientIds: keyed.map(({ recipientId }) => recipientId),
  };
}

/** The server's answer without addresses: a suppression outlives the erasure of its recipient. */
const noteOf = (response: string | null) => cutText(withoutAddresses(response ?? ""), noteLimit);

import type { Context } from "hono";
import { recipientReference, type InlineRecipient } from "../../domain/recipient.ts";
import { mergeRecipient, type RecipientChange } from "../../domain/recipient-change.ts";
import { acceptDeliveries, type AcceptRow } from "../../ledger/accept.ts";
import { keyStateStatement } from "../../ledger/idempotency-key.ts";
import { addEmailExtras, type CopyAddress } from "../../ledger/notification-emails.ts";
import { defineStatement, type Execute, executeOn } from "../../ledger/sql.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import { releaseFor } from "../deliveries/release.ts";
import { type Change, recordChangesOver } from "../http/audit.ts";
import type { ApiEnv } from "../http/context.ts";
import { type FieldError, invalid, jsonPointer, Problem } from "../http/problem.ts";
import { addressChanges } from "../recipients/address-changes.ts";
import { storeRecipients, type Stored } from "../recipients/upsert.ts";
import type { Services } from "../services.ts";
import type { AcceptTogether } from "./accept-together.ts";

/** A recipient of the request who is created or changed with the notification, and the place in its `recipients`. */
interface PlacedRecipient {
  place: number;
  recipient: InlineRecipient;
}

/** Thrown to undo the transaction of a notification that was not accepted. */
class NotAccepted extends Error {
  readonly row: AcceptRow;

  constructor(row: AcceptRow) {
    super("the notification was not accepted");
    this.row = row;
  }
}

/** What a request writes besides a notification and its deliveries. */
export interface Parts {
  recipients: readonly PlacedRecipient[];
  /** The UUIDs of its attachments. */
  attachmentIds: readonly string[];
  copies: readonly CopyAddress[];
}

/**
 * Creates the function that writes a request and its parts in one transaction: either all of it, with audit entries for the recipients and
 * the answer, or nothing. A repeated request finds its answer before any recipient is changed. The function throws the problem of a
 * recipient that cannot be stored.
 */
export function createAcceptWhole(
  c: Context<ApiEnv>,
  services: Services,
  { recipients: placed, attachmentIds, copies }: Parts,
): AcceptTogether {
  const { pool, config, clock } = services;
  const { mailboxShards } = config;

  return async (request, chooseRoutes) => {
    // Nothing is written, and perhaps an answer is found: the recipients play no part in it.
    if (!request.valid) return accepted(pool, request, mailboxShards);
    let released = () => {};
    try {
      const row = await inTransaction(pool, async (client) => {
        const execute = executeOn(client);
        const { scope, key } = request;
        if (scope !== null && key !== null) {
          const [state] = await execute(keyStateStatement, { scope, key });
          if (!state!.locked || state!.requestHash !== null) {
            const repeated = await accepted(client, { ...request, valid: false }, mailboxShards);
            throw new NotAccepted(repeated);
          }
        }
        const now = clock();
        const { results, unsettled } = await storePlaced(execute, placed, {
          createdBy: request.caller,
          now,
        });
        const routeIds = placed.length === 0 ? request.routeIds : (await chooseRoutes(execute)).ids;
        const row = await accepted(client, { ...request, routeIds }, mailboxShards);
        if (row.accepted === null) throw new NotAccepted(row);
        if (attachmentIds.length + copies.length > 0)
          await addEmailExtras(execute, request.id, { attachmentIds, copies });
        await recordChangesOver(c, client, describeChanges(results, request.publicId), now);
        released = await releaseFor(c, services, execute, unsettled);
        return row;
      });
      released();
      return row;
    } catch (error) {
      if (error instanceof NotAccepted) return error.row;
      throw error;
    }
  };
}

async function accepted(
  client: Parameters<typeof acceptDeliveries>[0],
  request: Parameters<typeof acceptDeliveries>[1][number],
  mailboxShards: number,
): Promise<AcceptRow> {
  return (await acceptDeliveries(client, [request], { mailboxShards, wait: true }))[0]!;
}

const namedStatement = defineStatement<
  { ids: readonly string[] },
  { id: string; externalId: string | null; erasedAt: Date | null }
>(
  `SELECT id, external_id AS "externalId", erased_at AS "erasedAt" FROM recipients WHERE id = ANY(:ids::uuid[])`,
);

/** Stores the recipients. It does nothing without any. Throws a problem if one of them does not exist, was erased, or would not be valid. */
async function storePlaced(
  execute: Execute,
  placed: readonly PlacedRecipient[],
  storing: Parameters<typeof storeRecipients>[2],
) {
  if (placed.length === 0) return { results: [], unsettled: [] };
  const changes = await toChanges(execute, placed);
  const stored = await storeRecipients(execute, changes, storing);
  const errors = stored.results.flatMap((result, index): FieldError[] => {
    const { place, recipient } = placed[index]!;
    if (result.status === "refused")
      return result.faults.map(({ path, message }) => ({
        in: "body",
        field: jsonPointer(["recipients", place, ...path]),
        message,
      }));
    // Between the look-up of the id and the lock, the recipient lost the external id to an erasure.
    if ("id" in recipient && result.status === "created") throw erased(place, storing.now);
    return [];
  });
  if (errors.length > 0) throw invalid(errors);
  return stored;
}

/** Makes the change of each recipient. One that is named by the id of Tidings must exist. */
async function toChanges(
  execute: Execute,
  placed: readonly PlacedRecipient[],
): Promise<RecipientChange[]> {
  const ids = placed.flatMap(({ recipient }) => ("id" in recipient ? uuidOf(recipient.id) : []));
  const rows = ids.length === 0 ? [] : await execute(namedStatement, { ids });
  const known = new Map(rows.map((row) => [row.id, row]));
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  const changes = placed.flatMap(({ place, recipient }): RecipientChange[] => {
    let change: RecipientChange;
    if ("id" in recipient) {
      const { id, ...patch } = recipient;
      const row = known.get(uuidOf(id)[0]!);
      if (row?.erasedAt) throw erased(place, row.erasedAt);
      if (!row) {
        errors.push({
          in: "body",
          field: jsonPointer(["recipients", place, "id"]),
          message: "names no recipient: use `externalId` to create one",
        });
        return [];
      }
      change = mergeRecipient({ ...patch, externalId: row.externalId! });
    } else change = mergeRecipient(recipient);
    if (seen.has(change.externalId))
      errors.push({
        in: "body",
        field: jsonPointer(["recipients", place]),
        message: "is the same as an earlier recipient with fields: send the fields once",
      });
    seen.add(change.externalId);
    return [change];
  });
  if (errors.length > 0) throw invalid(errors);
  return changes;
}

function uuidOf(id: string): string[] {
  const named = recipientReference(id);
  return "id" in named ? [named.id] : [];
}

const erased = (place: number, at: Date) =>
  new Problem(
    "gone",
    `The recipient at ${jsonPointer(["recipients", place])} was erased at ${at.toISOString()}. Nothing of the request was stored.`,
  );

/** Describes what changed, as a bulk request does: counts, and where messages to a recipient now go. */
function describeChanges(results: readonly Stored[], notification: string): Change[] {
  const count = (status: Stored["status"]) =>
    results.filter((result) => result.status === status).length;
  const [created, changed] = [count("created"), count("changed")];
  if (created + changed === 0) return [];
  return [
    {
      action: "recipient.bulk_upsert",
      resource: "recipients",
      after: { notification, created, changed, unchanged: count("unchanged") },
    },
    ...addressChanges(results),
  ];
}

import type { Context } from "hono";
import { publicId } from "../../domain/ids.ts";
import { executeOn } from "../../ledger/sql.ts";
import { listAddresses } from "../../ledger/addresses.ts";
import { listTopicChoices } from "../../ledger/topic-choices.ts";
import { listConsent } from "../../ledger/topic-subscriptions.ts";
import { addressJson } from "../addresses/schemas.ts";
import { deliveriesJson, deliveryColumns, type DeliveryRow } from "../deliveries/store.ts";
import type { ApiEnv } from "../http/context.ts";
import { withAuditedTransaction } from "../http/idempotency.ts";
import { recipientFacts } from "../recipients/store.ts";
import type { Services } from "../services.ts";
import type { Centre } from "./centre.ts";

/** The newest messages that an export contains. */
const mostMessages = 1_000;

/** Reads everything that is known of a recipient, for the recipient, and records in the audit trail that they got it. */
export async function exportOwn(
  c: Context<ApiEnv>,
  services: Services,
  centre: Centre,
): Promise<object> {
  const body = await exportKnown(services, centre);
  const resource = publicId("recipient", centre.recipient.id);
  return withAuditedTransaction(c, services, async () => ({
    body,
    changes: [{ action: "recipient.export", resource }],
  }));
}

/** Everything that is known of a recipient, for the recipient: the fields, preferences, devices, messages and what became of them. */
async function exportKnown({ pool }: Pick<Services, "pool">, centre: Centre): Promise<object> {
  const { recipient, stated, timeline, isAllOff, now } = centre;
  const { rows: deliveries } = await pool.query<DeliveryRow>(
    `SELECT ${deliveryColumns} FROM deliveries d WHERE d.recipient_id = $1::uuid ORDER BY d.id DESC LIMIT ${mostMessages}`,
    [recipient.id],
  );
  const { rows: engagements } = await pool.query<{ deliveryId: string; known: object }>(
    `SELECT e.delivery_id AS "deliveryId", jsonb_strip_nulls(to_jsonb(e) - 'delivery_id' - 'recipient_id') AS known
     FROM engagements e WHERE e.recipient_id = $1::uuid AND e.delivery_id = ANY($2::uuid[])`,
    [recipient.id, deliveries.map(({ id }) => id)],
  );
  const { rows: inbox } = await pool.query(
    `SELECT type, category, title, body, url, created_at AS "createdAt" FROM inbox_items WHERE recipient_id = $1::uuid
     ORDER BY created_at DESC LIMIT ${mostMessages}`,
    [recipient.id],
  );
  const execute = executeOn(pool);
  const known = new Map(engagements.map((row) => [row.deliveryId, row.known]));
  const devices = await listAddresses(execute, recipient.id);
  return {
    exportedAt: new Date(now).toISOString(),
    recipient: recipientFacts(recipient),
    preferences: stated,
    isUnsubscribedFromAllEmail: isAllOff,
    viewsByHourOfDay: recipient.engagedHours,
    devices: devices.map(addressJson),
    waiting: timeline.waiting,
    messages: (await deliveriesJson(execute, deliveries)).map((json, place) => ({
      ...json,
      became: known.get(deliveries[place]!.id) ?? {},
    })),
    topics: await listTopicChoices(execute, recipient.id),
    consent: await listConsent(execute, recipient.id),
    inbox,
  };
}

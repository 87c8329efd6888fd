import type { Pool } from "pg";
import { defineStatement, executeOn } from "./sql.ts";
import { inTransaction } from "./transaction.ts";

/** A message to the devices of a recipient. */
export interface DeviceMessage {
  /** The UUID of the delivery or the group. */
  messageId: string;
  recipientId: string;
}

/** A device of a recipient. */
export interface Device {
  /** The UUID of the address. */
  id: string;
  /** The subscription, sealed for this row. */
  value: Uint8Array;
  /** The host of its push service. */
  service: string;
  /** True if the device has not accepted a message for a while, so that an acceptance is worth noting. */
  wasIdle: boolean;
}

/** The devices that a message is owed to. */
export interface OwedDevices {
  devices: Device[];
  /** True if a device has accepted the message in an earlier hand-over. */
  wasAccepted: boolean;
}

/** A device that needs no further hand-over of a message. */
export interface DeviceAnswer {
  messageId: string;
  addressId: string;
}

/** The devices of a recipient that are used. Registration keeps no more than these. */
const maxDevices = 20;

const owedStatement = defineStatement<
  { recipientIds: readonly string[]; messageIds: readonly string[] },
  Omit<Device, "id"> & { id: string | null; place: number; wasAccepted: boolean }
>(
  `SELECT w.place::int AS place, a.id, a.value, a.service, a."wasIdle",
     EXISTS (SELECT FROM address_answers x WHERE x.message_id = w.message_id) AS "wasAccepted"
   FROM unnest(:recipientIds::uuid[], :messageIds::uuid[]) WITH ORDINALITY AS w(recipient_id, message_id, place)
   LEFT JOIN LATERAL (
     SELECT o.id, o.value, o.service, o.last_used_at < ledger_now() - interval '1 day' AS "wasIdle"
     FROM addresses o
     WHERE o.recipient_id = w.recipient_id AND o.channel = 'push' AND o.kind = 'web_push' AND o.disabled_at IS NULL
       AND (o.expires_at IS NULL OR o.expires_at > ledger_now())
       AND NOT EXISTS (SELECT FROM address_answers x WHERE x.message_id = w.message_id AND x.address_id = o.id)
     ORDER BY o.last_used_at DESC, o.id DESC LIMIT ${maxDevices}
   ) AS a ON true
   ORDER BY w.place`,
  "owed-devices",
);

const answersStatement = defineStatement<{
  messageIds: readonly string[];
  addressIds: readonly string[];
}>(
  // An address that is removed at the same time is locked first, since triggers that would check it may be disabled here.
  `INSERT INTO address_answers (message_id, address_id, accepted_at)
   SELECT DISTINCT n.message_id, a.id, ledger_now()
   FROM unnest(:messageIds::uuid[], :addressIds::uuid[]) AS n(message_id, address_id)
   JOIN (SELECT id FROM addresses WHERE id = ANY (:addressIds::uuid[]) ORDER BY id FOR KEY SHARE) AS a ON a.id = n.address_id
   ON CONFLICT DO NOTHING`,
  "record-device-answers",
);

const endedStatement = defineStatement<{ messageIds: readonly string[] }>(
  `DELETE FROM address_answers x
   WHERE x.message_id = ANY (:messageIds::uuid[])
     AND NOT EXISTS (SELECT FROM open_deliveries d WHERE d.id = x.message_id)
     AND NOT EXISTS (SELECT FROM open_deliveries d WHERE d.group_id = x.message_id)`,
  "forget-device-answers",
);

const usedStatement = defineStatement<{ ids: readonly string[] }>(
  `UPDATE addresses a SET last_used_at = ledger_now()
   FROM (SELECT id FROM addresses WHERE id = ANY (:ids::uuid[]) ORDER BY id FOR NO KEY UPDATE) AS used
   WHERE a.id = used.id`,
  "note-used-devices",
);

const lockOwnersStatement = defineStatement<{ ids: readonly string[] }>(
  `SELECT FROM recipients WHERE id IN (SELECT recipient_id FROM addresses WHERE id = ANY (:ids::uuid[])) ORDER BY id FOR NO KEY UPDATE`,
  "lock-owners-of-devices",
);

const disableStatement = defineStatement<{ ids: readonly string[]; reason: string }>(
  // A statement does not see its own changes, so the devices that it disables are left out of those that remain.
  `WITH disabled AS (
     UPDATE addresses SET disabled_at = ledger_now(), disabled_reason = :reason::text, updated_at = ledger_now()
     WHERE id = ANY (:ids::uuid[]) AND disabled_at IS NULL
     RETURNING recipient_id, channel
   )
   UPDATE recipients r SET address_channels = array_remove(r.address_channels, l.channel)
   FROM (SELECT DISTINCT recipient_id, channel FROM disabled) AS l
   WHERE r.id = l.recipient_id AND NOT EXISTS (
     SELECT FROM addresses o WHERE o.recipient_id = l.recipient_id AND o.channel = l.channel AND o.disabled_at IS NULL AND o.id <> ALL (:ids::uuid[]))`,
  "disable-devices",
);

/** The devices of recipients, and which of them have accepted a message that is still owed to others. */
export interface DeviceLedger {
  /** Reads the devices that each message is owed to, the one used last first. The results are in the order of the messages. */
  owed(messages: readonly DeviceMessage[]): Promise<OwedDevices[]>;
  /** Records devices that are not asked again while the message is owed to others. Idempotent. */
  recordAnswers(answers: readonly DeviceAnswer[]): Promise<void>;
  /** Removes the answers to those of the messages that have ended. Other answers are removed with their deliveries. */
  forgetAnswers(messageIds: readonly string[]): Promise<void>;
  /** Notes that the devices have accepted a message. */
  noteUsed(ids: readonly string[]): Promise<void>;
  /** Disables devices whose push service does not know them any more. Recipients without another one are not reached by push from then on. */
  disable(ids: readonly string[]): Promise<void>;
}

export function createDeviceLedger(pool: Pool): DeviceLedger {
  const execute = executeOn(pool);
  return {
    async owed(messages) {
      const owed = messages.map((): OwedDevices => ({ devices: [], wasAccepted: false }));
      const rows = await execute(owedStatement, {
        recipientIds: messages.map(({ recipientId }) => recipientId),
        messageIds: messages.map(({ messageId }) => messageId),
      });
      for (const { place, wasAccepted, id, ...device } of rows) {
        const one = owed[place - 1]!;
        one.wasAccepted = wasAccepted;
        if (id !== null) one.devices.push({ id, ...device });
      }
      return owed;
    },
    async recordAnswers(answers) {
      await execute(answersStatement, {
        messageIds: answers.map(({ messageId }) => messageId),
        addressIds: answers.map(({ addressId }) => addressId),
      });
    },
    async forgetAnswers(messageIds) {
      await execute(endedStatement, { messageIds });
    },
    async noteUsed(ids) {
      await execute(usedStatement, { ids });
    },
    disable: (ids) =>
      inTransaction(pool, async (client) => {
        // The owners stay locked, so that two changes of one recipient's devices do not miss each other.
        const executeHere = executeOn(client);
        await executeHere(lockOwnersStatement, { ids });
        await executeHere(disableStatement, { ids, reason: "gone" });
      }),
  };
}

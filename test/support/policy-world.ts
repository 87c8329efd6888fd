import type { Pool } from "pg";
import { vi } from "vitest";
import { createLedger, type DueDelivery, type Ledger } from "../../ledger/ledger.ts";
import { newUuid, publicId } from "../../domain/ids.ts";
import { compareServed, type Priority } from "../../domain/priority.ts";
import { queueName } from "../../domain/delivery/queues.ts";
import type { Answer } from "./recording-channel.ts";
import { createRecordingWorker } from "./recording-worker.ts";
import { createSeeder } from "./seed.ts";

export const mailbox = queueName({ kind: "mailbox", shard: 0 });

interface Request {
  recipientId: string;
  /** Queue of the delivery. */
  queue?: string;
  /** Key of the notification type. */
  type?: string | undefined;
  priority?: Priority;
  /** Time of creation, and also of sending unless `sendAt` is given. */
  at?: Date;
  sendAt?: Date;
  occursAt?: Date;
  expiresAt?: Date;
  dedupKey?: string | undefined;
  collapseKey?: string | undefined;
  batchable?: boolean;
  bypassRateLimit?: boolean;
}

/** Inserts policies, recipients and notifications, and provides workers that decide about them. */
export function createPolicyWorld(pool: Pool) {
  const seed = createSeeder(pool);
  let templateVersionId: string | undefined;

  return {
    seed,

    async recipient({
      timeZone = "UTC",
      preferences = null,
    }: { timeZone?: string; preferences?: object | null } = {}): Promise<string> {
      const [id] = (await seed.recipients(1, { timeZone })) as [string];
      if (preferences !== null) await this.setPreferences(id, preferences);
      return id;
    },

    async setPreferences(recipientId: string, preferences: object): Promise<void> {
      await pool.query(
        `WITH changed AS (
           UPDATE recipients SET preferences = $2, preferences_version = preferences_version + 1 WHERE id = $1 RETURNING id, preferences_version
         )
         INSERT INTO preference_versions (recipient_id, version, document, created_by) SELECT id, preferences_version, $2, 'test' FROM changed`,
        [recipientId, preferences],
      );
    },

    policy: (changes: object) => seed.policy(changes),

    /** Inserts a notification to one recipient, and returns the id of its delivery. */
    async ask({
      at = new Date(),
      sendAt = at,
      priority = "normal",
      queue = mailbox,
      ...requested
    }: Request): Promise<string> {
      templateVersionId ??= await seed.templateVersion();
      const [notification, delivery] = [newUuid(at), newUuid(at)];
      await pool.query(
        `INSERT INTO notifications (id, template_version_id, priority, send_at, created_at, type_id, occurs_at, expires_at, dedup_key, collapse_key, batchable, bypass_rate_limit)
         SELECT $1, $2, $3, $4, $5, (SELECT id FROM notification_types WHERE key = $6), $7, $8, $9, $10, $11, $12`,
        [
          notification,
          templateVersionId,
          priority,
          sendAt,
          at,
          requested.type ?? null,
          requested.occursAt ?? null,
          requested.expiresAt ?? null,
          requested.dedupKey ?? null,
          requested.collapseKey ?? null,
          requested.batchable ?? true,
          requested.bypassRateLimit ?? false,
        ],
      );
      await pool.query(
        `INSERT INTO deliveries (id, notification_id, recipient_id, channel, priority, queue, due_at, created_at) VALUES ($1, $2, $3, 'email', $4, $5, $6, $7)`,
        [delivery, notification, requested.recipientId, priority, queue, sendAt, at],
      );
      return delivery;
    },

    worker(answer?: Answer) {
      const { dispatch, ...worker } = createRecordingWorker(pool, { answer });
      return { ...worker, dispatch: (at?: Date, queue = mailbox) => dispatch(queue, at) };
    },

    /** Creates a worker whose work takes no time, and that decides about deliveries of one due time in the order of their requests. */
    idealWorker() {
      const worker = createRecordingWorker(pool, { ledger: inOrder(createLedger(pool)) });
      return {
        async dispatch(at: Date, queue = mailbox) {
          const stopped = vi.spyOn(performance, "now").mockReturnValue(performance.now());
          await worker
            .dispatch(queue, at, { isStopped: true })
            .finally(() => stopped.mockRestore());
        },
      };
    },
  };
}

/** Reads one page after the other, each in the order of the requests: a ledger does not define the order of deliveries with the same due time. */
function inOrder(ledger: Ledger): Ledger {
  let underWay = 0;
  const servedAs = ({ dueAt, priority }: DueDelivery) => ({ dueAt: dueAt.getTime(), priority });
  return {
    ...ledger,
    async due(asked) {
      // The sender claims deliveries that were decided to be sent within a turn or two of the event loop.
      for (let idle = 0; idle < 5; idle = underWay === 0 ? idle + 1 : 0)
        await new Promise(setImmediate);
      const rows = await ledger.due({ ...asked, except: [] });
      return rows.toSorted(
        (a, b) => compareServed(servedAs(a), servedAs(b)) || (a.id < b.id ? -1 : 1),
      );
    },
    async settleAndClaim(asked) {
      underWay += asked.wanted.length;
      const turned = await ledger.settleAndClaim(asked);
      underWay += turned.claimed.size - asked.wanted.length - asked.settled.length;
      return turned;
    },
  };
}

export const shown = (delivery: string) => publicId("delivery", delivery);

import { askingClock, atLedgerTime } from "./ledger-time.ts";
import { MockActivityEnvironment } from "@temporalio/testing";
import type { Pool } from "pg";
import { vi } from "vitest";
import { createChannels } from "../../activities/channels/channels.ts";
import { createDispatcher } from "../../activities/dispatch/index.ts";
import { createLedger, type DueDelivery, type Ledger } from "../../ledger/ledger.ts";
import { newUuid, publicId } from "../../domain/ids.ts";
import { compareServed } from "../../domain/priority.ts";
import { queueName } from "../../domain/delivery/queues.ts";
import { testLinks } from "./links.ts";
import { type Answer, recordingChannel } from "./recording-channel.ts";
import { seeding } from "./seed.ts";

export const mailbox = queueName({ kind: "mailbox", shard: 0 });

interface Wanted {
  recipientId: string;
  /** Its key. */
  type?: string | undefined;
  priority?: "critical" | "high" | "normal" | "low";
  /** When it is created, and to go out where `sendAt` says nothing else. */
  at?: Date;
  sendAt?: Date;
  occursAt?: Date;
  expiresAt?: Date;
  dedupKey?: string | undefined;
  collapseKey?: string | undefined;
  batchable?: boolean;
  bypassRateLimit?: boolean;
}

/** Rows of policy and what it decides about, and a worker that decides. */
export function policyWorld(pool: Pool) {
  const seed = seeding(pool);
  let templateVersionId: string | undefined;

  return {
    seed,

    async recipient({
      timeZone = "UTC",
      preferences = null,
    }: { timeZone?: string; preferences?: object | null } = {}): Promise<string> {
      const [id] = (await seed.recipients(1)) as [string];
      await pool.query("UPDATE recipients SET time_zone = $2 WHERE id = $1", [id, timeZone]);
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

    /** What of the policy is to differ from the presets, from now on. */
    async policy(changes: object): Promise<void> {
      await pool.query(
        "INSERT INTO policy_versions (version, document, created_by) SELECT coalesce(max(version), 0) + 1, $1, 'test' FROM policy_versions",
        [changes],
      );
    },

    /** Its delivery. */
    async ask({
      at = new Date(),
      sendAt = at,
      priority = "normal",
      ...wanted
    }: Wanted): Promise<string> {
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
          wanted.type ?? null,
          wanted.occursAt ?? null,
          wanted.expiresAt ?? null,
          wanted.dedupKey ?? null,
          wanted.collapseKey ?? null,
          wanted.batchable ?? true,
          wanted.bypassRateLimit ?? false,
        ],
      );
      await pool.query(
        `INSERT INTO deliveries (id, notification_id, recipient_id, channel, priority, queue, due_at, created_at) VALUES ($1, $2, $3, 'email', $4, $5, $6, $7)`,
        [delivery, notification, wanted.recipientId, priority, mailbox, sendAt, at],
      );
      return delivery;
    },

    worker: (answer?: Answer) => dispatcher(pool, createLedger(pool), answer),

    /** A worker for which nothing takes time, and that decides about what is due at one instant in the order of asking. */
    idealWorker: () => {
      const { dispatch } = dispatcher(pool, inOrder(createLedger(pool)));
      return {
        async dispatch(at: Date, queue = mailbox) {
          const stopped = vi.spyOn(performance, "now").mockReturnValue(performance.now());
          await dispatch(at, queue, { isStopped: true }).finally(() => stopped.mockRestore());
        },
      };
    },
  };
}

function dispatcher(pool: Pool, ledger: Ledger, answer?: Answer) {
  const recording = recordingChannel(answer);
  const { dispatch } = createDispatcher({
    pool,
    clock: askingClock(pool),
    ledger,
    channels: createChannels([recording.channel]),
    retry: { baseMs: 60_000, capMs: 3_600_000, attempts: 3 },
    mailboxShards: 1,
    answersMs: 20_000,
    links: testLinks,
    wake: () => Promise.resolve(),
    lingerMs: 0,
  });
  return {
    ...recording,
    dispatch: (at?: Date, queue = mailbox, clock: { isStopped?: boolean } = {}) =>
      atLedgerTime(
        pool,
        at,
        () => new MockActivityEnvironment().run(dispatch, { queue }) as ReturnType<typeof dispatch>,
        clock,
      ),
  };
}

/** One page after the other, each in the order of asking: a ledger leaves open what comes first of what is due at once. */
function inOrder(ledger: Ledger): Ledger {
  let underWay = 0;
  const servedAs = ({ dueAt, priority }: DueDelivery) => ({ dueAt: dueAt.getTime(), priority });
  return {
    ...ledger,
    async due(asked) {
      // What has been decided to be sent is wanted within a turn or two of the event loop.
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

import type { Pool } from "pg";
import type { Logger } from "../config/logger.ts";
import { parseQueueName } from "../domain/delivery/queues.ts";
import { ListeningConnection } from "./listening-connection.ts";
import { defineStatement, executeOn } from "./sql.ts";

/** The channel of PostgreSQL's NOTIFY for the names of queues that have new rows. */
const channel = "tidings_queues";

/** The first half of the advisory lock that marks a queue as listened to; the second half is the shard. */
const lockSpaces = { mailbox: 740_001, critical: 740_002 };

/** The delay before a failed connection is tried again. */
const retryMs = 10_000;

/** A subscription to the notifications of a queue. */
export interface Listening {
  /** Whether notifications are certain to arrive. Once false, it stays false. */
  readonly isConnected: boolean;
  /** Ends the subscription. Rows whose notification was sent before that are committed once this resolves. */
  end(): Promise<void>;
}

/** Receives, over one connection, the notifications that `notifyListener` sends. */
export interface QueueListener {
  /**
   * Subscribes to a queue: `onNotified` is called for each notification, and once more when the connection is lost. Null where a subscription
   * is not possible at present: the queue has no notifications, it has a listener already, or there is no working connection.
   */
  listen(queue: string, onNotified: () => void): Promise<Listening | null>;
  close(): Promise<void>;
}

/**
 * Listens to queues in PostgreSQL, so that Temporal need not start a dispatch for each notification. An advisory lock of the listening
 * connection marks the queue as listened to; it ends with the connection, however that ends.
 */
export function createQueueListener({
  url,
  logger,
}: {
  url: string;
  logger: Pick<Logger, "warn">;
}): QueueListener {
  let connecting: Promise<HearingConnection | null> | null = null;
  let retryAtMs = 0;
  let closed = false;

  async function connect(): Promise<HearingConnection | null> {
    const connection = new HearingConnection(url, () => (connecting = null));
    try {
      await connection.open();
      return connection;
    } catch (error) {
      logger.warn(
        { error: String(error) },
        "cannot listen to queues; they are woken through Temporal, which takes longer",
      );
      connection.destroy();
      retryAtMs = performance.now() + retryMs;
      return null;
    }
  }

  return {
    async listen(queue, onNotified) {
      if (closed || performance.now() < retryAtMs) return null;
      connecting ??= connect();
      const connection = await connecting;
      if (!connection) connecting = null;
      return (await connection?.listen(queue, onNotified)) ?? null;
    },
    async close() {
      closed = true;
      (await connecting)?.destroy();
    },
  };
}

class HearingConnection {
  readonly #connection: ListeningConnection;
  readonly #onNotified = new Map<string, () => void>();

  constructor(url: string, lost: () => void) {
    this.#connection = new ListeningConnection(
      { url, name: "tidings-worker-listening", channels: [channel] },
      {
        onNotified: (_, queue) => this.#onNotified.get(queue)?.(),
        onLost: () => {
          lost();
          const listening = [...this.#onNotified.values()];
          this.#onNotified.clear();
          for (const notify of listening) notify();
        },
      },
    );
  }

  open(): Promise<void> {
    return this.#connection.open();
  }

  async listen(queue: string, onNotified: () => void): Promise<Listening | null> {
    const key = lockKeyOf(queue);
    if (!key || this.#onNotified.has(queue)) return null;
    this.#onNotified.set(queue, onNotified);
    try {
      const [row] = await this.#connection.query<{ locked: boolean }>(
        "SELECT pg_try_advisory_lock($1::int, $2::int) AS locked",
        key,
      );
      if (!row!.locked) {
        this.#onNotified.delete(queue);
        return null;
      }
    } catch {
      this.destroy();
      return null;
    }
    const connection = this.#connection;
    return {
      get isConnected() {
        return connection.isOpen;
      },
      end: async () => {
        this.#onNotified.delete(queue);
        if (!connection.isOpen) return;
        // A connection that does not answer is closed, which frees the lock.
        await connection
          .query("SELECT pg_advisory_unlock($1::int, $2::int)", key)
          .catch(() => this.destroy());
      },
    };
  }

  destroy(): void {
    this.#connection.destroy();
  }
}

/** Only queues of notifications have listeners: the others receive rows only once or rarely. */
function lockKeyOf(queue: string): [space: number, shard: number] | null {
  const parsed = parseQueueName(queue);
  return parsed.kind === "mailbox" || parsed.kind === "critical"
    ? [lockSpaces[parsed.kind], parsed.shard]
    : null;
}

/**
 * Notifying transactions share the lock, which a listener holds exclusively. They do not wait for the disk (synchronous_commit), because a
 * notification need not survive a crash of the server.
 */
const notifyQueue = defineStatement<
  { space: number; shard: number; queue: string },
  { isNotified: boolean }
>(
  `SELECT CASE WHEN pg_try_advisory_xact_lock_shared(:space::int, :shard::int) THEN false
     ELSE set_config('synchronous_commit', 'off', true) IS NOT NULL AND pg_notify('${channel}', :queue::text) IS NOT NULL END AS "isNotified"`,
  "notify-queue",
);

/**
 * Notifies the listener of a queue that the queue has new or changed rows, which must be committed. False if the queue has no listener: the
 * caller then has to wake its workflow. A listener reads the queue once more after it has stopped, so that no row is missed.
 */
export async function notifyListener(pool: Pick<Pool, "query">, queue: string): Promise<boolean> {
  const key = lockKeyOf(queue);
  if (!key) return false;
  const [row] = await executeOn(pool)(notifyQueue, { space: key[0], shard: key[1], queue });
  return row!.isNotified;
}

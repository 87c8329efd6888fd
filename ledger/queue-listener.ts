import { Client, type Pool } from "pg";
import type { Logger } from "../config/logger.ts";
import { parseQueueName } from "../domain/delivery/queues.ts";
import { withTimeout } from "../lib/timeout.ts";
import { defineStatement, executeOn } from "./sql.ts";

/** The channel of PostgreSQL's NOTIFY on which queues are named that have new rows. */
const channel = "tidings_queues";

/** The first half of the keys of advisory locks that say that somebody listens to a queue; the second is its shard. */
const lockSpaces = { mailbox: 740_001, critical: 740_002 };

/** How long a connection may take to be made, and to hear itself. */
const connectMs = 5_000;
/** A connection that could not be made, or hears nothing, is tried again after this long. */
const retryMs = 10_000;

/** That somebody listens to a queue. */
export interface Listening {
  /** Is it sure to be notified? Once it is not, it never is again. */
  readonly hears: boolean;
  /** Notifications of the queue are not heard from now on. What was committed before that is there to be read once this resolves. */
  end(): Promise<void>;
}

/** Receives, over one connection, the notifications that `notifyListener` sends. */
export interface QueueListener {
  /**
   * Has `onNotified` called when somebody notifies of the queue, and once more when nothing can be heard any more. Null where nobody can
   * listen at present: to queues of which nobody notifies, to one that somebody listens to, or without a connection that hears.
   */
  listen(queue: string, onNotified: () => void): Promise<Listening | null>;
  close(): Promise<void>;
}

/**
 * Listens to queues in PostgreSQL, so that a dispatch that waits for notifications need not be started by Temporal. That somebody listens
 * is an advisory lock of the connection that hears: it ends with the connection, however that ends.
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
        "cannot listen to queues: Temporal wakes them, which takes longer",
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
  readonly #client: Client;
  readonly #lost: () => void;
  readonly #onNotified = new Map<string, () => void>();
  #isOpen = true;

  constructor(url: string, lost: () => void) {
    this.#client = new Client({
      connectionString: url,
      connectionTimeoutMillis: connectMs,
      query_timeout: connectMs,
      keepAlive: true,
      application_name: "tidings-worker-listening",
    });
    this.#lost = lost;
    this.#client.on("error", () => this.destroy());
    this.#client.on("end", () => this.destroy());
    this.#client.on("notification", ({ payload }) => this.#onNotified.get(payload ?? "")?.());
  }

  /** A pooler that shares connections between transactions takes LISTEN, and has nobody hear: so it has to hear itself first. */
  async open(): Promise<void> {
    await this.#client.connect();
    await this.#client.query(`LISTEN ${channel}`);
    const own = `connection ${process.pid} ${performance.now()}`;
    const heard = new Promise<void>((resolve) => this.#onNotified.set(own, resolve));
    await this.#client.query("SELECT pg_notify($1, $2)", [channel, own]);
    await withTimeout(connectMs, heard);
    this.#onNotified.delete(own);
  }

  async listen(queue: string, onNotified: () => void): Promise<Listening | null> {
    const key = lockKeyOf(queue);
    if (!key || this.#onNotified.has(queue)) return null;
    this.#onNotified.set(queue, onNotified);
    try {
      const { rows } = await this.#client.query<{ locked: boolean }>(
        "SELECT pg_try_advisory_lock($1::int, $2::int) AS locked",
        key,
      );
      if (!rows[0]!.locked) {
        this.#onNotified.delete(queue);
        return null;
      }
    } catch {
      this.destroy();
      return null;
    }
    const isOpen = () => this.#isOpen;
    return {
      get hears() {
        return isOpen();
      },
      end: async () => {
        this.#onNotified.delete(queue);
        if (!this.#isOpen) return;
        // A connection that does not answer is ended, and with it the lock.
        await this.#client
          .query("SELECT pg_advisory_unlock($1::int, $2::int)", key)
          .catch(() => this.destroy());
      },
    };
  }

  destroy(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#lost();
    this.#client.end().catch(() => {});
    const listening = [...this.#onNotified.values()];
    this.#onNotified.clear();
    for (const notify of listening) notify();
  }
}

/** Only queues of notifications are listened to: the others are filled once, or seldom. */
function lockKeyOf(queue: string): [space: number, shard: number] | null {
  const parsed = parseQueueName(queue);
  return parsed.kind === "mailbox" || parsed.kind === "critical"
    ? [lockSpaces[parsed.kind], parsed.shard]
    : null;
}

/**
 * Those who notify share the lock, which a listener holds alone. A notification is not worth a flush to disk, since it need not outlive
 * the server.
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
 * Notifies the listener of a queue, if there is one, that the queue has new rows, or changed ones, which have been committed. False: nobody listens, and the
 * queue's workflow has to be woken. A listener that stops looks once more afterwards, so that nothing is missed.
 */
export async function notifyListener(pool: Pick<Pool, "query">, queue: string): Promise<boolean> {
  const key = lockKeyOf(queue);
  if (!key) return false;
  const [row] = await executeOn(pool)(notifyQueue, { space: key[0], shard: key[1], queue });
  return row!.isNotified;
}

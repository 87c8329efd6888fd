import { Client } from "pg";
import { withTimeout } from "../lib/timeout.ts";

/** How long a connection may take to open and to receive its own notification. */
const connectMs = 5_000;

/** What the owner of a connection learns from it. */
interface Hearing {
  /** Called with each notification of the connection's channels. */
  onNotified: (channel: string, payload: string) => void;
  /** Called once when the connection is lost or destroyed. */
  onLost: () => void;
}

/** A connection to PostgreSQL that receives notifications (LISTEN), and is used for nothing that takes long. */
export class ListeningConnection {
  readonly #client: Client;
  readonly #channels: readonly string[];
  readonly #hearing: Hearing;
  #onOwn: ((payload: string) => boolean) | null = null;
  #isOpen = true;

  constructor(
    { url, name, channels }: { url: string; name: string; channels: readonly string[] },
    hearing: Hearing,
  ) {
    this.#channels = channels;
    this.#hearing = hearing;
    this.#client = new Client({
      connectionString: url,
      connectionTimeoutMillis: connectMs,
      query_timeout: connectMs,
      keepAlive: true,
      application_name: name,
    });
    this.#client.on("error", () => this.destroy());
    this.#client.on("end", () => this.destroy());
    this.#client.on("notification", ({ channel, payload = "" }) => {
      if (this.#onOwn?.(payload)) return;
      if (this.#isOpen) this.#hearing.onNotified(channel, payload);
    });
  }

  /** Whether notifications are certain to arrive. Once false, it stays false. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /**
   * Connects and listens. Rejects if the connection cannot listen: a pooler that shares connections between transactions accepts LISTEN
   * without effect, so the connection first notifies itself.
   */
  async open(): Promise<void> {
    await this.#client.connect();
    for (const channel of this.#channels) await this.#client.query(`LISTEN ${channel}`);
    const own = `connection ${process.pid} ${performance.now()}`;
    const notified = new Promise<void>((resolve) => {
      this.#onOwn = (payload) => {
        if (payload !== own) return false;
        resolve();
        return true;
      };
    });
    await this.#client.query("SELECT pg_notify($1, $2)", [this.#channels[0], own]);
    await withTimeout(connectMs, notified);
    this.#onOwn = null;
  }

  /** Executes a statement on the connection. */
  async query<Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return (await this.#client.query<Row>(text, [...values])).rows;
  }

  /** Closes the connection. */
  destroy(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#client.end().catch(() => {});
    this.#hearing.onLost();
  }
}

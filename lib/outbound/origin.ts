import type { Client } from "undici";

interface Connection {
  client: Client;
  createdAt: number;
}

/**
 * The connections to one origin. Each carries one request at a time. Requests beyond them wait here and get a connection in the order
 * they came: a request that waited in the HTTP library's own queue could be stopped only at the cost of a connection.
 */
export class Origin {
  readonly #create: () => Client;
  readonly #limit: number;
  readonly #maxAgeMs: number;
  /** The last one is used first, so that those that are not needed become idle and end. */
  readonly #idle: Connection[] = [];
  readonly #waiting = new Set<(connection: Connection) => void>();
  #inUse = 0;

  constructor({
    create,
    limit,
    maxAgeMs,
  }: {
    /** Makes a client that connects when it is first used, and again when its connection has ended. */
    create: () => Client;
    limit: number;
    maxAgeMs: number;
  }) {
    this.#create = create;
    this.#limit = limit;
    this.#maxAgeMs = maxAgeMs;
  }

  get isUnused(): boolean {
    return this.#inUse === 0;
  }

  /**
   * Runs the work with a connection. The connection is kept if the work says so, and ended otherwise. Resolves with null, without the
   * work, if the signal comes before a connection is free.
   */
  async use<Result>(
    stopped: AbortSignal,
    work: (client: Client) => Promise<{ result: Result; keep: boolean }>,
  ): Promise<Result | null> {
    const connection = await this.#take(stopped);
    if (!connection) return null;
    let isKept = false;
    try {
      const { result, keep } = await work(connection.client);
      isKept = keep && performance.now() - connection.createdAt < this.#maxAgeMs;
      return result;
    } finally {
      if (!isKept) void connection.client.destroy();
      this.#release(isKept ? connection : null);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map(({ client }) => client.destroy()));
  }

  #take(stopped: AbortSignal): Promise<Connection | null> {
    if (stopped.aborted) return Promise.resolve(null);
    if (this.#inUse < this.#limit) {
      this.#inUse += 1;
      return Promise.resolve(this.#idle.pop() ?? this.#open());
    }
    return new Promise((resolve) => {
      const begin = (connection: Connection) => {
        stopped.removeEventListener("abort", stop);
        resolve(connection);
      };
      const stop = () => {
        this.#waiting.delete(begin);
        resolve(null);
      };
      stopped.addEventListener("abort", stop, { once: true });
      this.#waiting.add(begin);
    });
  }

  #release(connection: Connection | null): void {
    const [next] = this.#waiting;
    if (next) {
      this.#waiting.delete(next);
      next(connection ?? this.#open());
      return;
    }
    this.#inUse -= 1;
    if (connection) this.#idle.push(connection);
  }

  #open(): Connection {
    return { client: this.#create(), createdAt: performance.now() };
  }
}

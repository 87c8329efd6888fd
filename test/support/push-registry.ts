import { randomBytes, randomUUID } from "node:crypto";

/** A message of an application server, still encrypted. */
export interface PushMessage {
  /** Names the message to the browser, which acknowledges it by this name. */
  version: string;
  topic: string | null;
  encoding: string;
  body: Buffer;
}

export interface PushSubscriptionEntry {
  /** The unguessable last part of the endpoint. */
  readonly id: string;
  /** The only VAPID key that may be used, in base64url; null for any. */
  readonly applicationKey: string | null;
  /** Messages that were accepted but not acknowledged yet, oldest first. */
  waiting(): PushMessage[];
  acknowledge(version: string): void;
  /** Ends the subscription: its endpoint is gone from then on. */
  remove(): void;
}

/** The subscriptions of a push service, and the messages that wait for their browsers (RFC 8030). */
export class PushRegistry {
  readonly #entries = new Map<string, Entry>();
  readonly #removed = new Set<string>();

  /** @param deliver called for each message that is accepted; false if nobody is connected to take it now */
  add(
    applicationKey: string | null,
    deliver: (message: PushMessage) => boolean,
  ): PushSubscriptionEntry {
    const id = randomBytes(24).toString("base64url");
    const entry: Entry = { applicationKey, deliver, waiting: [] };
    this.#entries.set(id, entry);
    return {
      id,
      applicationKey,
      waiting: () => alive(entry).map(({ message }) => message),
      acknowledge: (version) => {
        entry.waiting = entry.waiting.filter(({ message }) => message.version !== version);
      },
      remove: () => {
        this.#entries.delete(id);
        this.#removed.add(id);
      },
    };
  }

  /** The key of a subscription that exists; otherwise whether it ever did. */
  find(id: string): { applicationKey: string | null } | "gone" | "unknown" {
    return this.#entries.get(id) ?? (this.#removed.has(id) ? "gone" : "unknown");
  }

  /**
   * Accepts a message for a subscription that exists. It replaces a message of the same topic that still waits, and waits for its
   * time to live itself; with a time to live of zero it only reaches a browser that is connected.
   * @returns the name of the message
   */
  accept(
    id: string,
    { ttlSeconds, ...message }: Omit<PushMessage, "version"> & { ttlSeconds: number },
  ): string {
    const entry = this.#entries.get(id)!;
    const named = { ...message, version: randomUUID() };
    entry.waiting = alive(entry).filter(
      ({ message: { topic } }) => topic === null || topic !== message.topic,
    );
    if (entry.deliver(named) || ttlSeconds > 0)
      entry.waiting.push({ message: named, expiresAt: Date.now() + ttlSeconds * 1_000 });
    return named.version;
  }
}

interface Entry {
  applicationKey: string | null;
  deliver: (message: PushMessage) => boolean;
  waiting: { message: PushMessage; expiresAt: number }[];
}

const alive = ({ waiting }: Entry) => waiting.filter(({ expiresAt }) => expiresAt > Date.now());

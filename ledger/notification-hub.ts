import type { Logger } from "../config/logger.ts";
import { ListeningConnection } from "./listening-connection.ts";

/** The delay before a lost connection is opened again, which grows with each failure up to the second value. */
const retryMs = { first: 500, most: 10_000 };

/** How often the connection is asked whether it still works: the end of a connection may go unnoticed. */
const probeMs = 15_000;

/** What a part of the process wants to learn from the notifications of a channel. */
interface Subscriber {
  onNotified: (payload: string) => void;
  /** Called when notifications arrive again after some may have been missed. */
  onHealed: () => void;
}

/**
 * Distributes the notifications of PostgreSQL (NOTIFY) in a process, over one connection for all channels and subscribers. Notifications
 * are hints: those that are sent while the connection is lost never arrive.
 */
export interface NotificationHub {
  /** Subscribes to one of the channels that the hub was created for. Returns a function that ends the subscription. */
  subscribe(channel: string, subscriber: Subscriber): () => void;
  /** Calls `onClosed` when the hub is closed, because the process ends. */
  whenClosed(onClosed: () => void): void;
  /** Whether notifications arrive at the moment. */
  readonly isListening: boolean;
  /** Closes the connection for good. */
  close(): void;
}

/** Creates a hub for these channels. It connects with the first subscription, and again whenever the connection is lost. */
export function createNotificationHub({
  url,
  name,
  channels,
  logger,
}: {
  url: string;
  /** The name of the connection in PostgreSQL. */
  name: string;
  channels: readonly string[];
  logger: Pick<Logger, "warn" | "info">;
}): NotificationHub {
  const subscribers = new Map(channels.map((channel) => [channel, new Set<Subscriber>()]));
  let connection: ListeningConnection | null = null;
  let isListening = false;
  let failures = 0;
  let retrying: NodeJS.Timeout | undefined;
  let closed = false;
  const closing = new Set<() => void>();
  const probing = setInterval(() => {
    const probed = connection;
    if (isListening) probed?.query("SELECT 1").catch(() => probed.destroy());
  }, probeMs);
  probing.unref();

  async function connect(): Promise<void> {
    const opening = new ListeningConnection(
      { url, name, channels },
      {
        onNotified: (channel, payload) => {
          for (const { onNotified } of subscribers.get(channel) ?? []) onNotified(payload);
        },
        onLost: () => {
          isListening = false;
          connection = null;
          retry();
        },
      },
    );
    connection = opening;
    try {
      await opening.open();
    } catch (error) {
      if (failures === 0 && !closed)
        logger.warn(
          { error: String(error) },
          "cannot listen to notifications of the database; what they announce is found later",
        );
      failures += 1;
      opening.destroy();
      return;
    }
    if (!opening.isOpen) return;
    isListening = true;
    if (failures > 0) logger.info({}, "listens to notifications of the database again");
    failures = 0;
    for (const all of subscribers.values()) for (const { onHealed } of all) onHealed();
  }

  function retry(): void {
    if (closed || retrying !== undefined) return;
    const delayMs = Math.min(retryMs.most, retryMs.first * 2 ** Math.min(failures, 10));
    retrying = setTimeout(() => {
      retrying = undefined;
      void connect();
    }, delayMs);
    retrying.unref();
  }

  return {
    subscribe(channel, subscriber) {
      const all = subscribers.get(channel);
      if (!all) throw new Error(`the hub does not listen to ${channel}`);
      all.add(subscriber);
      if (!connection && retrying === undefined && !closed) void connect();
      return () => void all.delete(subscriber);
    },
    whenClosed(onClosed) {
      closing.add(onClosed);
    },
    get isListening() {
      return isListening;
    },
    close() {
      closed = true;
      clearTimeout(retrying);
      clearInterval(probing);
      connection?.destroy();
      for (const onClosed of closing) onClosed();
    },
  };
}

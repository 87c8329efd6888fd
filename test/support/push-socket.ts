import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { z } from "zod";
import type { PushMessage, PushRegistry, PushSubscriptionEntry } from "./push-registry.ts";

/** What a browser says of one message: 100 is delivered, 101 not decrypted, 102 not delivered for another reason. */
export interface Acknowledgement {
  version: string;
  code: number;
}

/** The side of a push service that browsers connect to. */
export interface PushSocket {
  /** For the browser's setting `dom.push.serverURL`. */
  url: string;
  acknowledgements: readonly Acknowledgement[];
  stop(): Promise<void>;
}

const fromBrowser = z.discriminatedUnion("messageType", [
  z.object({ messageType: z.literal("hello"), uaid: z.string().nullish() }),
  z.object({
    messageType: z.literal("register"),
    channelID: z.string(),
    key: z.string().nullish(),
  }),
  z.object({ messageType: z.literal("unregister"), channelID: z.string() }),
  z.object({
    messageType: z.literal("ack"),
    updates: z.array(z.object({ channelID: z.string(), version: z.string(), code: z.number() })),
  }),
  z.object({ messageType: z.literal("nack"), version: z.string(), code: z.number() }),
  z.object({ messageType: z.literal("broadcast_subscribe") }),
]);

/** A browser over all its connections. */
interface UserAgent {
  connection: WebSocket | null;
  /** By the browser's own name of the subscription. */
  channels: Map<string, PushSubscriptionEntry>;
}

/** Starts the WebSocket side of a push service, as Firefox speaks it (the protocol of autopush). */
export async function startPushSocket(
  registry: PushRegistry,
  endpointOf: (id: string) => string,
): Promise<PushSocket> {
  const userAgents = new Map<string, UserAgent>();
  const acknowledgements: Acknowledgement[] = [];

  function converse(connection: WebSocket): void {
    const say = (message: object) => connection.send(JSON.stringify(message));
    let userAgent: UserAgent | null = null;

    function hear(text: string): void {
      // An empty object is a ping.
      if (text === "{}") return say({});
      const message = fromBrowser.parse(JSON.parse(text));
      if (message.messageType === "hello") {
        const known = userAgents.get(message.uaid ?? "");
        const uaid = known ? message.uaid! : randomUUID().replaceAll("-", "");
        userAgent = known ?? { connection: null, channels: new Map() };
        userAgent.connection = connection;
        userAgents.set(uaid, userAgent);
        say({ messageType: "hello", uaid, status: 200, use_webpush: true, broadcasts: {} });
        for (const [channelID, entry] of userAgent.channels)
          for (const waiting of entry.waiting()) say(notificationOf(channelID, waiting));
        return;
      }
      if (!userAgent) throw new Error("the browser did not say hello first");
      const current = userAgent;
      switch (message.messageType) {
        case "register": {
          const { channelID, key } = message;
          // Firefox pads the key, while VAPID headers have none.
          const entry = registry.add(key?.replace(/=+$/, "") ?? null, (pushed) => {
            current.connection?.send(JSON.stringify(notificationOf(channelID, pushed)));
            return current.connection !== null;
          });
          current.channels.set(channelID, entry);
          const pushEndpoint = endpointOf(entry.id);
          return say({ messageType: "register", channelID, status: 200, pushEndpoint });
        }
        case "unregister":
          current.channels.get(message.channelID)?.remove();
          current.channels.delete(message.channelID);
          return say({
            messageType: "unregister",
            channelID: message.channelID,
            status: 200,
          });
        case "ack":
          for (const { channelID, version, code } of message.updates) {
            current.channels.get(channelID)?.acknowledge(version);
            acknowledgements.push({ version, code });
          }
          return;
        case "nack":
          acknowledgements.push({ version: message.version, code: message.code });
          return;
        case "broadcast_subscribe":
          return;
      }
    }

    connection.on("message", (data) => {
      try {
        hear((data as Buffer).toString());
      } catch (error) {
        connection.close(1002, String(error).slice(0, 100));
      }
    });
    connection.on("error", () => {});
    connection.on("close", () => {
      if (userAgent?.connection === connection) userAgent.connection = null;
    });
  }

  const http = createServer((_, response) => response.writeHead(426).end());
  const sockets = new WebSocketServer({
    server: http,
    handleProtocols: ([first]) => first ?? false,
  });
  sockets.on("connection", converse);
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  return {
    url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}/`,
    acknowledgements,
    async stop() {
      for (const connection of sockets.clients) connection.terminate();
      sockets.close();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

const notificationOf = (channelID: string, { version, encoding, body }: PushMessage) => ({
  messageType: "notification",
  channelID,
  version,
  data: body.toString("base64url"),
  headers: { encoding },
});

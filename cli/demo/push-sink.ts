import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { z } from "zod";
import type { PushSubscription } from "../../domain/push-subscription.ts";
import { type BrowserKeys, createBrowserKeys, decryptPush } from "./push-decryption.ts";

/** A local push service together with the devices of its subscribers: the evidence of what was sent to them. */
export interface PushSink {
  /** The settings with which the API and the workers accept its devices. */
  settings: { HTTP_ALLOW_PRIVATE: string; HTTP_ALLOW_PORTS: string };
  /** Subscribes a new device. A device that is `gone` answers every message with 410. */
  subscribe(state: "alive" | "gone"): PushSubscription;
  /** The ids of the deliveries or groups of all messages that it has accepted, in order. A repeated message is contained repeatedly. */
  messageIds(): readonly string[];
  close(): Promise<void>;
}

/** The longest body that a push service has to accept (RFC 8030, section 7.2). */
const maxBodyBytes = 4_096;
const host = "127.0.0.1";

const payload = z.object({ notification: z.object({ data: z.object({ id: z.string() }) }) });

/**
 * Starts a push service on the loopback. It decrypts each message as the device would, records its id, and only then accepts it. It does not check
 * who sent the message.
 */
export async function startPushSink(): Promise<PushSink> {
  const devices = new Map<string, BrowserKeys | "gone">();
  const ids: string[] = [];

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = (status: number) => void response.writeHead(status).end();
    const body = await readBody(request);
    const device = devices.get(request.url!);
    if (request.method !== "POST") return answer(405);
    if (device === undefined) return answer(404);
    if (device === "gone") return answer(410);
    if (body === null) return answer(413);
    const id = idIn(body, device);
    if (id === null) return answer(400);
    ids.push(id);
    answer(201);
  }

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  server.listen(0, host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;

  return {
    settings: { HTTP_ALLOW_PRIVATE: `${host}/32`, HTTP_ALLOW_PORTS: String(port) },
    subscribe(state) {
      const path = `/push/${randomUUID()}`;
      const keys = createBrowserKeys();
      devices.set(path, state === "gone" ? "gone" : keys);
      const { p256dh, auth } = keys;
      return { endpoint: `http://${host}:${port}${path}`, keys: { p256dh, auth } };
    },
    messageIds: () => ids,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Reads the body; null if it is too long. */
async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes <= maxBodyBytes) chunks.push(chunk as Buffer);
  }
  return bytes <= maxBodyBytes ? Buffer.concat(chunks) : null;
}

/** The id of the message in an encrypted body; null if the device cannot decrypt or read it. */
function idIn(body: Buffer, keys: BrowserKeys): string | null {
  try {
    return payload.parse(JSON.parse(decryptPush(body, keys).toString())).notification.data.id;
  } catch {
    return null;
  }
}

import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { createBrowserKeys, decryptPush } from "../../cli/demo/push-decryption.ts";
import { certificate } from "../outbound/certificate.ts";
import { PushRegistry } from "./push-registry.ts";
import { type Acknowledgement, startPushSocket } from "./push-socket.ts";
import { verifyVapid } from "./vapid.ts";

/** A request of an application server, as it came. */
interface PushRequest {
  path: string;
  ttl: number | null;
  urgency: string | null;
  topic: string | null;
  /** The length of the body. */
  bytes: number;
  /** The contact of the application server; null if its VAPID token was not accepted. */
  subject: string | null;
  /** Null if it was left without an answer, or with half of one. */
  status: number | null;
}

/**
 * What happens to one request that would be accepted: another answer, by which the message is not accepted; or the message is
 * accepted, but the answer never comes (`hang`), or ends in its middle (`half`).
 */
type PushFault =
  | { status: number; headers?: Record<string, string>; body?: string }
  | "hang"
  | "half";

/** A subscription that the test itself has made, in place of a browser. */
export interface PushDevice {
  endpoint: string;
  /** As `PushSubscription.toJSON()` has it. */
  subscription: { endpoint: string; keys: { p256dh: string; auth: string } };
  /** Takes the messages that wait for it, decrypted. Throws if one cannot be decrypted. */
  receive(): string[];
  unsubscribe(): void;
}

export interface PushService {
  /** Where application servers post to: all endpoints begin with it. */
  origin: string;
  port: number;
  /** The certificate that application servers have to trust, in PEM. */
  ca: string;
  /** Where browsers connect to. */
  socketUrl: string;
  requests: readonly PushRequest[];
  /** What browsers said of the messages they were given. */
  acknowledgements: readonly Acknowledgement[];
  /** @param applicationKey the VAPID key that the subscription is restricted to; by default any may be used */
  subscribe(applicationKey?: string): PushDevice;
  /** Each of the next requests that would be accepted has one of these faults, in order. */
  failNext(...faults: readonly PushFault[]): void;
  /** The number of requests that were left to hang. */
  unanswered(): number;
  stop(): Promise<void>;
}

/** The longest body that a push service has to accept (RFC 8030, section 7.2), and that this one accepts. */
const maxBodyBytes = 4_096;
const path = "/wpush/v2/";

/**
 * Starts a push service on 127.0.0.1: HTTPS for application servers (RFC 8030, RFC 8291, RFC 8292), a WebSocket for Firefox, and
 * subscriptions that a test makes itself.
 */
export async function startPushService(): Promise<PushService> {
  const registry = new PushRegistry();
  const requests: PushRequest[] = [];
  const faults: PushFault[] = [];
  let unanswered = 0;

  const server = createServer(
    { cert: certificate.cert, key: certificate.key },
    (request, response) => {
      serve(request, response).catch((error: unknown) => response.destroy(error as Error));
    },
  );
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const origin = `https://127.0.0.1:${port}`;
  const endpointOf = (id: string) => `${origin}${path}${id}`;
  const socket = await startPushSocket(registry, endpointOf);

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const header = (name: string) => (request.headers[name] as string | undefined) ?? null;
    const ttl = /^\d+$/.test(header("ttl") ?? "") ? Number(header("ttl")) : null;
    const seen: PushRequest = {
      path: request.url!,
      ttl,
      urgency: header("urgency"),
      topic: header("topic"),
      bytes: body.length,
      subject: null,
      status: null,
    };
    requests.push(seen);
    const answer = (status: number, headers: Record<string, string> = {}, text = "") => {
      seen.status = status;
      response.writeHead(status, headers).end(text);
    };

    const id = seen.path.startsWith(path) ? seen.path.slice(path.length) : "";
    const subscription = registry.find(id);
    if (request.method !== "POST") return answer(405, { allow: "POST" });
    if (subscription === "unknown") return answer(404);
    if (subscription === "gone") return answer(410);
    const verdict = await verifyVapid(
      request.headers.authorization,
      origin,
      subscription.applicationKey,
    );
    if (!verdict.accepted) return answer(verdict.status, {}, verdict.why);
    seen.subject = verdict.subject;
    if (ttl === null) return answer(400, {}, "TTL is missing");
    if (seen.urgency !== null && !/^(very-low|low|normal|high)$/.test(seen.urgency))
      return answer(400, {}, "Urgency is not one of its four values");
    if (seen.topic !== null && !/^[\w-]{1,32}$/.test(seen.topic))
      return answer(400, {}, "Topic is not up to 32 characters of base64url");
    if (body.length > maxBodyBytes) return answer(413);
    const encoding = header("content-encoding");
    if (body.length > 0 && encoding !== "aes128gcm") return answer(415);

    const fault = faults.shift();
    if (typeof fault === "object") return answer(fault.status, fault.headers, fault.body);
    const version = registry.accept(id, {
      topic: seen.topic,
      encoding: encoding ?? "",
      body,
      ttlSeconds: ttl,
    });
    if (fault === "hang") {
      unanswered += 1;
      return;
    }
    if (fault === "half") {
      response.socket?.end("HTTP/1.1 201 Created\r\nLocat");
      return;
    }
    answer(201, { location: `${origin}/m/${version}`, ttl: String(ttl) });
  }

  return {
    origin,
    port,
    ca: certificate.cert,
    socketUrl: socket.url,
    requests,
    acknowledgements: socket.acknowledgements,
    subscribe(applicationKey) {
      const keys = createBrowserKeys();
      // It asks for its messages, so that none is ever delivered at once.
      const entry = registry.add(applicationKey ?? null, () => false);
      const endpoint = endpointOf(entry.id);
      return {
        endpoint,
        subscription: { endpoint, keys: { p256dh: keys.p256dh, auth: keys.auth } },
        receive: () =>
          entry.waiting().map(({ version, body }) => {
            entry.acknowledge(version);
            return body.length === 0 ? "" : decryptPush(body, keys).toString();
          }),
        unsubscribe: () => entry.remove(),
      };
    },
    failNext: (...next) => void faults.push(...next),
    unanswered: () => unanswered,
    async stop() {
      await socket.stop();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

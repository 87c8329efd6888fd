import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import {
  type BrowserKeys,
  createBrowserKeys,
  decryptPush,
} from "../../cli/demo/push-decryption.ts";
import type { PushPayload } from "../../domain/push-payload.ts";
import { pushCertificate } from "./push-certificate.ts";
import { PushRegistry } from "./push-registry.ts";
import { type Acknowledgement, startPushSocket } from "./push-socket.ts";
import { type VapidClaims, verifyVapid } from "./vapid.ts";

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

/** A message to a named device that was found to be right, decrypted. */
export interface PushedMessage {
  /** The name of the device. */
  device: string;
  host: string;
  /** The path of its endpoint. */
  path: string;
  headers: IncomingMessage["headers"];
  /** The bytes of the encrypted body. */
  size: number;
  text: string;
  payload: PushPayload;
  /** The VAPID token, whose signature was verified with the key beside it. */
  vapid: VapidClaims & { key: string; token: string };
}

/**
 * What happens to one request that is right. The message is accepted, unless the status is not a success: `hang` never answers, and `cut` ends the
 * connection after these characters of the answer.
 */
export type PushAnswer =
  | { status: number; headers?: Record<string, string>; body?: string }
  | "hang"
  | { cut: string };

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
  /** The messages to named devices. */
  received: PushedMessage[];
  /** Why requests were refused that are not as RFC 8030, 8291 and 8292 have them. */
  faults: readonly string[];
  /** @param applicationKey the VAPID key that the subscription is restricted to; by default any may be used */
  subscribe(applicationKey?: string): PushDevice;
  /** Makes the subscription of a named device, under a host of a push service. Its messages are decrypted when they come. */
  addDevice(name: string, host?: string): PushDevice["subscription"];
  /** The names of the devices that messages came for, in the order of the requests. */
  asked(): string[];
  /** Each of the next requests that are right has one of these answers, in order. */
  answerNext(...answers: readonly PushAnswer[]): void;
  /** The number of requests that were left to hang. */
  unanswered(): number;
  stop(): Promise<void>;
}

/** The longest body that a push service has to accept (RFC 8030, section 7.2), and that this one accepts. */
const maxBodyBytes = 4_096;
const path = "/wpush/v2/";
const created: PushAnswer = { status: 201 };

/**
 * Starts a push service on 127.0.0.1: HTTPS for application servers (RFC 8030, RFC 8291, RFC 8292), a WebSocket for Firefox, and
 * subscriptions that a test makes itself.
 * @param answerMessage decides about each message to a named device; by default it is accepted
 */
export async function startPushService(
  answerMessage: (message: PushedMessage) => PushAnswer | Promise<PushAnswer> = () => created,
): Promise<PushService> {
  const registry = new PushRegistry();
  const requests: PushRequest[] = [];
  const received: PushedMessage[] = [];
  const faults: string[] = [];
  const nextAnswers: PushAnswer[] = [];
  /** By the id of the subscription. */
  const devices = new Map<string, { name: string; keys: BrowserKeys }>();
  let unanswered = 0;

  const server = createServer(pushCertificate, (request, response) => {
    serve(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
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
    const refuse = (status: number, why = "", headers: Record<string, string> = {}) => {
      faults.push(`${status} ${why}`.trim());
      answer(status, headers, why);
    };

    const id = seen.path.startsWith(path) ? seen.path.slice(path.length) : "";
    const subscription = registry.find(id);
    if (request.method !== "POST") return refuse(405, "", { allow: "POST" });
    if (subscription === "unknown") return refuse(404);
    if (subscription === "gone") return refuse(410);
    const verdict = await verifyVapid(
      request.headers.authorization,
      `https://${header("host")}`,
      subscription.applicationKey,
    );
    if (!verdict.accepted) return refuse(verdict.status, verdict.why);
    const { key, token, claims } = verdict;
    seen.subject = claims.sub;
    if (ttl === null) return refuse(400, "TTL is missing");
    if (seen.urgency !== null && !/^(very-low|low|normal|high)$/.test(seen.urgency))
      return refuse(400, "Urgency is not one of its four values");
    if (seen.topic !== null && !/^[\w-]{1,32}$/.test(seen.topic))
      return refuse(400, "Topic is not up to 32 characters of base64url");
    if (body.length > maxBodyBytes) return refuse(413);
    const encoding = header("content-encoding");
    if (body.length > 0 && encoding !== "aes128gcm") return refuse(415);

    const device = devices.get(id);
    let message: PushedMessage | undefined;
    if (device) {
      let text: string;
      try {
        text = decryptPush(body, device.keys).toString();
      } catch (error) {
        return refuse(400, `the body cannot be decrypted: ${String(error)}`);
      }
      message = {
        device: device.name,
        host: header("host")!.replace(/:.*/, ""),
        path: seen.path,
        headers: request.headers,
        size: body.length,
        text,
        payload: JSON.parse(text) as PushPayload,
        vapid: { key, token, ...claims },
      };
      received.push(message);
    }
    const given = nextAnswers.shift() ?? (message ? await answerMessage(message) : created);
    if (typeof given === "object" && "status" in given && given.status >= 300)
      return answer(given.status, given.headers, given.body);
    const version = registry.accept(id, {
      topic: seen.topic,
      encoding: encoding ?? "",
      body,
      ttlSeconds: ttl,
    });
    if (given === "hang") {
      unanswered += 1;
      return;
    }
    if ("cut" in given) {
      response.socket?.end(given.cut);
      return;
    }
    const headers = { location: `${origin}/m/${version}`, ttl: String(ttl), ...given.headers };
    answer(given.status, headers, given.body);
  }

  /** Makes the subscription of a browser that the test has in place of one. */
  function add(applicationKey: string | null, host = "127.0.0.1") {
    const keys = createBrowserKeys();
    // It asks for its messages, so that none is ever delivered at once.
    const entry = registry.add(applicationKey, () => false);
    const endpoint = `https://${host}:${port}${path}${entry.id}`;
    const subscription = { endpoint, keys: { p256dh: keys.p256dh, auth: keys.auth } };
    return { keys, entry, subscription };
  }

  return {
    origin,
    port,
    ca: pushCertificate.cert,
    socketUrl: socket.url,
    requests,
    acknowledgements: socket.acknowledgements,
    received,
    faults,
    subscribe(applicationKey) {
      const { keys, entry, subscription } = add(applicationKey ?? null);
      return {
        endpoint: subscription.endpoint,
        subscription,
        receive: () =>
          entry.waiting().map(({ version, body }) => {
            entry.acknowledge(version);
            return body.length === 0 ? "" : decryptPush(body, keys).toString();
          }),
        unsubscribe: () => entry.remove(),
      };
    },
    addDevice(name, host) {
      const { keys, entry, subscription } = add(null, host);
      devices.set(entry.id, { name, keys });
      return subscription;
    },
    asked: () => received.map(({ device }) => device),
    answerNext: (...next) => void nextAnswers.push(...next),
    unanswered: () => unanswered,
    async stop() {
      await socket.stop();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

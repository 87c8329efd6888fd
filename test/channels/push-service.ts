import { createServer } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { importJWK, jwtVerify } from "jose";
import type { PushPayload } from "../../domain/push-payload.ts";
import {
  type BrowserKeys,
  createBrowserKeys,
  decryptPush,
} from "../../cli/demo/push-decryption.ts";
import { pushCertificate } from "./push-certificate.ts";

/** A request that a push service received. */
export interface PushedMessage {
  /** The name of the device. */
  device: string;
  host: string;
  headers: IncomingMessage["headers"];
  /** The bytes of the encrypted body. */
  size: number;
  text: string;
  payload: PushPayload;
  /** The claims of the VAPID token, whose signature was verified with the key beside it. */
  vapid: { key: string; token: string; exp: number; sub: string; aud: string };
}

/** An answer, `hang` for none, or `cut` for a connection that ends after these characters of the answer. */
export type PushAnswer =
  | { status: number; headers?: Record<string, string>; body?: string }
  | "hang"
  | { cut: string };

export interface TestPushService {
  port: number;
  received: PushedMessage[];
  /** Requests that were refused because they are not as RFC 8030, 8291 or 8292 has them. */
  faults: string[];
  /** Creates a device, which is a path of this service, and the keys of its browser. */
  addDevice(
    name: string,
    host?: string,
  ): { endpoint: string; keys: { p256dh: string; auth: string } };
  /** The names of the devices that were asked, in the order of the requests. */
  asked(): string[];
  close(): Promise<void>;
}

const hour = 3_600;

/** Verifies a VAPID token as RFC 8292 has it. */
async function verifyVapid(authorization: string, origin: string): Promise<PushedMessage["vapid"]> {
  const [, token, key] = /^vapid t=([\w.-]+), ?k=([\w-]+)$/.exec(authorization) ?? [];
  if (!token || !key) throw new Error("no VAPID token");
  const point = Buffer.from(key, "base64url");
  const publicKey = await importJWK(
    {
      kty: "EC",
      crv: "P-256",
      x: point.subarray(1, 33).toString("base64url"),
      y: point.subarray(33).toString("base64url"),
    },
    "ES256",
  );
  const { payload } = await jwtVerify(token, publicKey, {
    audience: origin,
    requiredClaims: ["exp", "sub"],
  });
  const { exp, sub, aud } = payload as { exp: number; sub: string; aud: string };
  if (exp > Date.now() / 1_000 + 24 * hour) throw new Error("the token is valid for too long");
  return { key, token, exp, sub, aud };
}

/** Starts a push service over TLS, which decrypts what it is sent and answers as told. */
export async function startPushService(
  answer: (message: PushedMessage) => PushAnswer | Promise<PushAnswer> = () => ({ status: 201 }),
): Promise<TestPushService> {
  const browsers = new Map<string, BrowserKeys>();
  const received: PushedMessage[] = [];
  const faults: string[] = [];
  const sockets = new Set<Socket>();

  async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const device = /^\/push\/([\w-]+)\/token-of-the-device$/.exec(request.url ?? "")?.[1] ?? "";
    const { headers } = request;
    const browser = browsers.get(device);
    if (!browser) throw new Error(`no device: ${request.url}`);
    if (!/^\d+$/.test(headers["ttl"] as string)) throw new Error("no TTL");
    if (headers["content-encoding"] !== "aes128gcm") throw new Error("another encoding");
    if (body.length > 4_096) throw new Error("too long");
    const vapid = await verifyVapid(headers.authorization ?? "", `https://${headers.host}`);
    const text = decryptPush(body, browser).toString();
    const message = {
      device,
      host: headers.host!.replace(/:.*/, ""),
      headers,
      size: body.length,
      text,
      payload: JSON.parse(text) as PushPayload,
      vapid,
    };
    received.push(message);
    const given = await answer(message);
    if (given === "hang") return;
    if ("cut" in given) {
      request.socket.end(given.cut);
      return;
    }
    response.writeHead(given.status, given.headers).end(given.body ?? "");
  }

  const server = createServer(pushCertificate, (request, response) => {
    receive(request, response).catch((error: Error) => {
      faults.push(error.message);
      response.writeHead(400).end(error.message);
    });
  });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    received,
    faults,
    addDevice(name, host = "127.0.0.1") {
      const browser = createBrowserKeys();
      browsers.set(name, browser);
      const { p256dh, auth } = browser;
      return {
        endpoint: `https://${host}:${port}/push/${name}/token-of-the-device`,
        keys: { p256dh, auth },
      };
    },
    asked: () => received.map(({ device }) => device),
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

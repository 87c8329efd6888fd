import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from "vitest";
import webpush from "web-push";
import { WebSocket } from "ws";
import { dayMs } from "../../domain/time/durations.ts";
import { createBrowserKeys, decryptPush } from "../../cli/demo/push-decryption.ts";
import { loopbackClient } from "../outbound/servers.ts";
import { waitMs } from "./patience.ts";
import { type PushDevice, type PushService, startPushService } from "./push-service.ts";

// The push service that other tests send to. What it accepts and what it refuses must be as real ones do, so it is tested here
// with the encryption and the tokens of web-push.

const vapid = webpush.generateVAPIDKeys();
const subject = "mailto:ops@example.org";

let service: PushService;
let device: PushDevice;
beforeAll(async () => {
  service = await startPushService();
});
afterAll(() => service.stop());
beforeEach(() => {
  device = service.subscribe();
});

interface Posting {
  text?: string;
  keys?: { p256dh: string; auth: string };
  headers?: Record<string, string | undefined>;
  audience?: string;
  pair?: { publicKey: string; privateKey: string };
  contact?: string;
  expiresAt?: number;
  body?: Buffer;
  signal?: AbortSignal;
}

/** Sends through our own client for outgoing requests. */
async function send(endpoint: string, posting: Posting = {}) {
  const { pair = vapid, audience = service.origin, contact = subject, expiresAt } = posting;
  const { p256dh, auth } = posting.keys ?? device.subscription.keys;
  const body =
    posting.body ?? webpush.encrypt(p256dh, auth, posting.text ?? "hello", "aes128gcm").cipherText;
  const { Authorization } = webpush.getVapidHeaders(
    audience,
    contact,
    pair.publicKey,
    pair.privateKey,
    "aes128gcm",
    expiresAt,
  );
  const headers = {
    ttl: "60",
    "content-encoding": "aes128gcm",
    authorization: Authorization,
    ...posting.headers,
  };
  const outcome = await loopbackClient(service.port, { ca: service.ca }).send({
    url: endpoint,
    method: "POST",
    ...(posting.signal && { signal: posting.signal }),
    headers: Object.fromEntries(
      Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined),
    ),
    body,
  });
  return outcome.kind === "answered" ? outcome.status : outcome.kind;
}

it("keeps messages until their device takes them, and says what came", async () => {
  const [first, second] = [await send(device.endpoint), await send(device.endpoint, { text: "é" })];
  expect([first, second]).toEqual([201, 201]);
  expect(device.receive()).toEqual(["hello", "é"]);
  expect(device.receive()).toEqual([]);
  const sent = await send(device.endpoint, { headers: { urgency: "high", topic: "abc-_1" } });
  expect(sent).toBe(201);
  expect(service.requests.at(-1)).toEqual({
    path: new URL(device.endpoint).pathname,
    ttl: 60,
    urgency: "high",
    topic: "abc-_1",
    bytes: 86 + 5 + 1 + 16,
    subject,
    status: 201,
  });
});

it("replaces what waits under the same topic, and drops what has no time to live", async () => {
  await send(device.endpoint, { text: "old", headers: { topic: "a" } });
  await send(device.endpoint, { text: "other", headers: { topic: "b" } });
  await send(device.endpoint, { text: "none" });
  await send(device.endpoint, { text: "new", headers: { topic: "a" } });
  expect(await send(device.endpoint, { text: "now or never", headers: { ttl: "0" } })).toBe(201);
  expect(device.receive()).toEqual(["other", "none", "new"]);
});

it("answers 404 for what never was, and 410 for what is over", async () => {
  expect(await send(`${device.endpoint}x`)).toBe(404);
  device.unsubscribe();
  expect(await send(device.endpoint)).toBe(410);
});

it.each([
  ["no time to live", 400, { headers: { ttl: undefined } }],
  ["an urgency that does not exist", 400, { headers: { urgency: "urgent" } }],
  ["a topic that is too long", 400, { headers: { topic: "t".repeat(33) } }],
  ["another encoding", 415, { headers: { "content-encoding": "aesgcm" } }],
  ["a body of more than 4,096 bytes", 413, { body: Buffer.alloc(4_097) }],
  ["no token", 401, { headers: { authorization: undefined } }],
  ["a token for another service", 401, { audience: "https://push.example.org" }],
  ["a token that has expired", 401, { expiresAt: Math.floor(Date.now() / 1_000) - 1 }],
] satisfies [string, number, Posting][])("refuses %s with %i", async (_, status, posting) => {
  expect(await send(device.endpoint, posting)).toBe(status);
  expect(device.receive()).toEqual([]);
});

it("refuses a token that another key has signed, and a token that lives too long", async () => {
  const stranger = webpush.generateVAPIDKeys();
  const restricted = service.subscribe(vapid.publicKey);
  expect(await send(restricted.endpoint, { pair: stranger })).toBe(403);
  expect(await send(restricted.endpoint)).toBe(201);
  expect(await send(device.endpoint, { pair: stranger })).toBe(201);
  const headers = webpush.getVapidHeaders(
    service.origin,
    subject,
    vapid.publicKey,
    stranger.privateKey,
    "aes128gcm",
  );
  const authorization = headers.Authorization;
  expect(await send(device.endpoint, { headers: { authorization } })).toBe(401);
  const expiresAt = Math.floor((Date.now() + dayMs) / 1_000) - 1;
  expect(await send(device.endpoint, { expiresAt })).toBe(201);
});

it("has the faults that its script names, each once", async () => {
  const half = { cut: "HTTP/1.1 201 Created\r\nLocat" };
  service.answerNext({ status: 429, headers: { "retry-after": "7" } }, half, "hang");
  expect(await send(device.endpoint, { text: "refused" })).toBe(429);
  expect(await send(device.endpoint, { text: "half" })).toBe("no_answer");
  const patience = new AbortController();
  const hanging = send(device.endpoint, { text: "hung", signal: patience.signal });
  await expect.poll(() => service.unanswered()).toBe(1);
  patience.abort();
  expect(await hanging).toBe("no_answer");
  expect(await send(device.endpoint, { text: "well" })).toBe(201);
  // The sender cannot know what became of the two without an answer.
  expect(device.receive()).toEqual(["half", "hung", "well"]);
});

it("speaks with a browser over a WebSocket, and keeps messages while it is away", async () => {
  const keys = createBrowserKeys();
  const browser = await connect();
  browser.say({ messageType: "hello", uaid: "", use_webpush: true });
  const { uaid } = await browser.hear<{ uaid: string }>("hello");
  browser.say({ messageType: "register", channelID: "one", key: vapid.publicKey });
  const { pushEndpoint } = await browser.hear<{ pushEndpoint: string }>("register");
  expect(await send(pushEndpoint, { keys, text: "first" })).toBe(201);
  const first = await browser.hear<{ version: string; data: string }>("notification");
  expect(decryptPush(Buffer.from(first.data, "base64url"), keys).toString()).toBe("first");
  const updates = [{ channelID: "one", version: first.version, code: 100 }];
  browser.say({ messageType: "ack", updates });
  browser.say({});
  await browser.hear(undefined);
  expect(service.acknowledgements).toContainEqual({ version: first.version, code: 100 });
  await browser.close();

  expect(await send(pushEndpoint, { keys, text: "away" })).toBe(201);
  const again = await connect();
  again.say({ messageType: "hello", uaid, use_webpush: true });
  expect(await again.hear("hello")).toMatchObject({ uaid });
  const second = await again.hear<{ data: string }>("notification");
  expect(decryptPush(Buffer.from(second.data, "base64url"), keys).toString()).toBe("away");
  again.say({ messageType: "unregister", channelID: "one" });
  await again.hear("unregister");
  expect(await send(pushEndpoint, { keys })).toBe(410);
});

/** The browser's end of the WebSocket. */
async function connect() {
  const socket = new WebSocket(service.socketUrl, "push-notification");
  onTestFinished(() => socket.terminate());
  const heard: { messageType?: string }[] = [];
  socket.on("message", (data) => heard.push(JSON.parse((data as Buffer).toString())));
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  return {
    say: (message: object) => socket.send(JSON.stringify(message)),
    /** Takes the next message, which must be of the type. */
    async hear<Message>(type: string | undefined): Promise<Message> {
      await expect.poll(() => heard.length, { timeout: waitMs, interval: 5 }).toBeGreaterThan(0);
      const message = heard.shift()!;
      expect(message.messageType).toBe(type);
      return message as Message;
    },
    close: () =>
      new Promise<void>((resolve) => {
        socket.once("close", () => resolve());
        socket.close();
      }),
  };
}

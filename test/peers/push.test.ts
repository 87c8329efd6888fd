import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import webpush from "web-push";
import { createVapidSigner } from "../../activities/channels/push/vapid.ts";
import { packageRoot } from "../../config/package-root.ts";
import { createBrowserKeys } from "../../cli/demo/push-decryption.ts";
import { type PushDevice, type PushService, startPushService } from "../support/push-service.ts";
import { waitMs } from "../support/patience.ts";
import { programOf } from "../support/programs.ts";

// pywebpush, which shares no code with what encrypts and signs here, at either end.

const vapid = webpush.generateVAPIDKeys();
const subject = "mailto:ops@example.org";
const longest = "x".repeat(3_993);

let service: PushService;
let device: PushDevice;
let folder: string;
let program: string;
beforeAll(async () => {
  program = programOf("Python with pywebpush", "PYWEBPUSH_PATH", ["python3"]);
  folder = mkdtempSync(join(tmpdir(), "tidings-pywebpush-"));
  service = await startPushService();
  writeFileSync(join(folder, "ca.pem"), service.ca);
});
afterAll(async () => {
  await service?.stop();
  if (folder) rmSync(folder, { recursive: true });
});
beforeEach(() => {
  device = service.subscribe(vapid.publicKey);
});

/** Gives an order to push_peer.py and resolves with its result. */
async function order(what: "send" | "decrypt" | "verify", fields: object): Promise<unknown> {
  const child = spawn(program, [join(packageRoot, "test/peers/push_peer.py")], {
    env: { ...process.env, REQUESTS_CA_BUNDLE: join(folder, "ca.pem"), NO_PROXY: "127.0.0.1" },
  });
  let output = "";
  let complaints = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (complaints += chunk.toString()));
  child.stdin.end(JSON.stringify({ do: what, ...fields }));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`pywebpush ended with ${code}: ${complaints}`);
  return JSON.parse(output) as unknown;
}

const send = (text: string, headers: Record<string, string> = {}) =>
  order("send", {
    subscription: device.subscription,
    text,
    vapidPrivateKey: vapid.privateKey,
    subject,
    headers,
    ttl: 60,
    timeoutSeconds: waitMs / 1_000,
  });

it.each(["é漢🎉", longest])("the push service reads what pywebpush sends: %#", async (text) => {
  expect(await send(text, { urgency: "high", topic: "task-17" })).toBe(201);
  expect(device.receive()).toEqual([text]);
  expect(service.requests.at(-1)).toMatchObject({
    ttl: 60,
    urgency: "high",
    topic: "task-17",
    subject,
    status: 201,
  });
});

it("the push service tells pywebpush of a subscription that is gone", async () => {
  device.unsubscribe();
  expect(await send("too late")).toBe(410);
});

it.each(["é漢🎉", longest])("pywebpush reads what is encrypted here: %#", async (text) => {
  const { p256dh, auth, curve } = createBrowserKeys();
  const { cipherText } = webpush.encrypt(p256dh, auth, text, "aes128gcm");
  const body = cipherText.toString("base64url");
  const privateKey = curve.getPrivateKey("base64url");
  expect(await order("decrypt", { body, privateKey, auth })).toBe(text);
});

it("pywebpush accepts the token with which requests are signed here, and no altered one", async () => {
  const signer = createVapidSigner({ keys: [vapid], subject }, Date.now);
  const authorization = signer.authorize(service.origin, 0);
  expect(await order("verify", { authorization })).toBe(true);
  const other = authorization.replace(vapid.publicKey, webpush.generateVAPIDKeys().publicKey);
  expect(await order("verify", { authorization: other })).toBe(false);
});

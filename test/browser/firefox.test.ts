import { Agent } from "node:https";
import { afterAll, beforeAll, expect, it } from "vitest";
import webpush from "web-push";
import { z } from "zod";
import { type Firefox, launchFirefox } from "../support/firefox.ts";
import { type PushService, startPushService } from "../support/push-service.ts";
import { serveWebPages, type WebPages } from "../support/web-pages.ts";

// The push service of the tests, with a stock Firefox at its other end and nothing of Tidings between them. If this fails, other
// tests with Firefox say nothing about Tidings.

const vapidDetails = { ...webpush.generateVAPIDKeys(), subject: "mailto:ops@example.org" };

const worker = `
  const say = (what) => fetch("/said", { method: "POST", body: JSON.stringify(what) });
  addEventListener("install", () => skipWaiting());
  addEventListener("activate", (event) => event.waitUntil(clients.claim()));
  addEventListener("push", (event) => {
    const { title, ...options } = event.data.json();
    const show = async () => {
      await registration.showNotification(title, options);
      await say({ shown: title, body: options.body });
    };
    event.waitUntil(show());
  });
  addEventListener("notificationclick", (event) => {
    const { notification, action, isTrusted } = event;
    event.waitUntil(say({ clicked: notification.title, action, isTrusted }));
  });
`;

const subscription = z.object({
  endpoint: z.string(),
  keys: z.object({ p256dh: z.string(), auth: z.string() }),
});

/** What fits into 4,096 bytes, encrypted (RFC 8291, section 4). */
const maxTextBytes = 3_993;

let service: PushService;
let pages: WebPages;
let firefox: Firefox;
let agent: Agent;
let subscribed: z.output<typeof subscription>;

beforeAll(async () => {
  service = await startPushService();
  agent = new Agent({ ca: service.ca, keepAlive: true });
  pages = await serveWebPages({
    "/": { type: "text/html", content: "<!doctype html><title>An application</title>" },
    "/sw.js": { type: "text/javascript", content: worker },
  });
  firefox = await launchFirefox({ socketUrl: service.socketUrl });
  await firefox.goto(`${pages.origin}/`);
  subscribed = subscription.parse(
    await firefox.run(`
      const registration = await navigator.serviceWorker.register("/sw.js");
      await navigator.serviceWorker.ready;
      return registration.pushManager.subscribe({
        userVisibleOnly: true,
        applicationServerKey: ${JSON.stringify(vapidDetails.publicKey)},
      });`),
  );
});
afterAll(async () => {
  await firefox?.close();
  await pages?.stop();
  agent?.destroy();
  await service?.stop();
});

/** Resolves with the status of the push service's answer. */
const send = (message: object): Promise<number> =>
  webpush
    .sendNotification(subscribed, JSON.stringify(message), { vapidDetails, agent, TTL: 60 })
    .then(
      ({ statusCode }) => statusCode,
      (error: { statusCode: number }) => error.statusCode,
    );

const said = () =>
  pages.requests
    .filter(({ path }) => path === "/said")
    .map(({ body }) => JSON.parse(body) as unknown);

it("shows a message, one of the largest size, and another in place of one with the same tag", async () => {
  const long = { title: "Long", body: "", tag: "long", requireInteraction: true };
  const messages = [
    { title: "Short", body: "é漢🎉", tag: "task" },
    { ...long, body: "x".repeat(maxTextBytes - JSON.stringify(long).length) },
    { title: "Instead", body: "of the first", tag: "task" },
  ];
  for (const message of messages) {
    const { title, body } = message;
    expect(await send({ ...message, requireInteraction: true })).toBe(201);
    await expect.poll(said).toContainEqual({ shown: title, body });
  }
  await expect
    .poll(async () => (await firefox.alerts()).map(({ title }) => title).toSorted())
    .toEqual(["Instead", "Long"]);
  await expect
    .poll(() => service.acknowledgements.map(({ code }) => code))
    .toEqual([100, 100, 100]);
});

it("takes clicks as if a person had made them", async () => {
  await firefox.chooseAction("Instead", "later");
  await expect.poll(said).toContainEqual({ clicked: "Instead", action: "later", isTrusted: true });
  await firefox.click("Long");
  await expect.poll(said).toContainEqual({ clicked: "Long", action: "", isTrusted: true });
});

it("is gone from the push service once the page has unsubscribed", async () => {
  const ended = await firefox.run(`
    const { pushManager } = await navigator.serviceWorker.ready;
    return (await pushManager.getSubscription()).unsubscribe();`);
  expect(ended).toBe(true);
  await expect.poll(() => send({ title: "Too late" })).toBe(410);
});

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createTokens } from "../../domain/tokens.ts";
import { type Api, seed, startApi, tokenSecret } from "../api/harness.ts";
import { launchBrowser } from "../support/browser.ts";
import { listen } from "../support/listening.ts";
import { waitMs } from "../support/patience.ts";
import { insertPushDeliveries } from "../support/push-deliveries.ts";

/*
 * An application on an origin of its own, whose service worker imports that of Tidings. Chromium's push service is on the internet, so that
 * messages are handed to the worker by the DevTools protocol, as the browser hands it what it has decrypted.
 */

const page = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>An application</title><link rel="icon" href="data:,"></head><body></body></html>`;

let api: Api;
let tidings: Awaited<ReturnType<typeof listen>>;
let application: Awaited<ReturnType<typeof listen>>;
let browser: Browser;
let recipientId: string;

/** The requests that the application has received. */
const received: { method: string; path: string; body: string }[] = [];

/** Hosts elsewhere that the browser has tried to reach: it asks this proxy for everything but this machine. */
const elsewhere: string[] = [];
const proxy = createServer((request, response) => {
  elsewhere.push(request.url ?? "");
  response.writeHead(502).end();
});
proxy.on("connect", (request, socket) => {
  elsewhere.push(request.url ?? "");
  socket.destroy();
});

async function serveApplication(request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  received.push({ method: request.method, path: pathname + search, body: await request.text() });
  if (pathname === "/sw.js")
    return new Response(`importScripts("${tidings.url}/push/sw.js");`, {
      headers: { "content-type": "text/javascript" },
    });
  return new Response(page, { headers: { "content-type": "text/html; charset=utf-8" } });
}

beforeAll(async () => {
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  application = await listen(serveApplication);
  const key =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
  api = await startApi({ config: { corsOrigins: [application.url], vapidPublicKey: key } });
  await seed(api, 1);
  tidings = await listen(api.app.fetch);
  browser = await launchBrowser();
  recipientId = (await api.prisma.recipient.findUniqueOrThrow({ where: { externalId: "u0" } })).id;
});
afterAll(async () => {
  await browser?.close();
  await new Promise((resolve) => proxy.close(resolve));
  await tidings?.close();
  await application?.close();
  await api?.stop();
});
beforeEach(() => {
  received.length = 0;
  elsewhere.length = 0;
});

const tokens = createTokens([tokenSecret]);
const expiresAt = () => new Date(Date.now() + 3_600_000);

/** A context with the application's page and its active worker. */
async function openApplication() {
  const { port } = proxy.address() as AddressInfo;
  const context = await browser.newContext({
    permissions: ["notifications"],
    proxy: { server: `http://127.0.0.1:${port}`, bypass: "127.0.0.1" },
  });
  context.setDefaultTimeout(waitMs);
  const complaints: string[] = [];
  context.on("weberror", (error) => complaints.push(error.error().message));
  context.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  const window = await context.newPage();
  await window.goto(`${application.url}/`);
  const session = await context.newCDPSession(window);
  const registered = new Promise<string>((resolve) =>
    session.on("ServiceWorker.workerVersionUpdated", ({ versions }) => {
      const active = versions.find(({ status }) => status === "activated");
      if (active) resolve(active.registrationId);
    }),
  );
  session.on("ServiceWorker.workerErrorReported", ({ errorMessage }) =>
    complaints.push(errorMessage.errorMessage),
  );
  await session.send("ServiceWorker.enable");
  await window.evaluate(`navigator.serviceWorker.register("/sw.js").then(() => {})`);
  return { context, window, session, registrationId: await registered, complaints };
}

type Application = Awaited<ReturnType<typeof openApplication>>;

const deliver = ({ session, registrationId }: Application, data: unknown) =>
  session.send("ServiceWorker.deliverPushMessage", {
    origin: application.url,
    registrationId,
    data: typeof data === "string" ? data : JSON.stringify(data),
  });

interface Shown {
  title: string;
  body: string;
  tag: string;
  lang: string;
  icon: string;
  data: unknown;
  requireInteraction: boolean;
  silent: boolean | null;
  actions: { action: string; title: string }[];
}

/** The notifications that are shown, as the page of their application reads them. */
const shownOn = (window: Page): Promise<Shown[]> =>
  window.evaluate(`navigator.serviceWorker.ready
    .then((registration) => registration.getNotifications())
    .then((shown) => shown.map(({ title, body, tag, lang, icon, data, requireInteraction, silent, actions }) =>
      ({ title, body, tag, lang, icon, data, requireInteraction, silent, actions: actions.map(({ action, title }) => ({ action, title })) })))`);

/**
 * Presses a notification, or one of its buttons, or closes it, by an event in the worker as the browser sends it. The browser lets workers
 * extend such events, and open windows, only after a person's press, so that both are replaced, and what would be opened is recorded.
 */
async function happen(
  { context }: Application,
  kind: "notificationclick" | "notificationclose",
  action = "",
) {
  const [worker] = context.serviceWorkers();
  await worker!.evaluate(`
    ExtendableEvent.prototype.waitUntil = () => {};
    self.opened = [];
    clients.openWindow = async (url) => opened.push("new " + url);
    WindowClient.prototype.focus = async function () { opened.push("same " + this.url); };
    registration.getNotifications().then(([notification]) => {
      dispatchEvent(new NotificationEvent(${JSON.stringify(kind)}, { notification, action: ${JSON.stringify(action)} }));
    })`);
}

/** The windows that the worker would have opened since the last event. */
const openedBy = ({ context }: Application): Promise<string[]> =>
  context.serviceWorkers()[0]!.evaluate("opened");

async function messageFor(id: string, more: Record<string, unknown> = {}, data: object = {}) {
  const token = await tokens.signReceiptToken({
    target: { delivery: id },
    expiresAt: expiresAt(),
  });
  return {
    web_push: 8030,
    notification: {
      title: "The task is due",
      body: "Write the report",
      navigate: `${application.url}/tasks/17`,
      lang: "en",
      ...more,
      data: { type: "task.due", count: 1, receipt: `${tidings.url}/r/${token}`, ...data },
    },
  };
}

const stateOf = async (id: string) => {
  const [delivery, engagement] = await Promise.all([
    api.prisma.endedDelivery.findUniqueOrThrow({ where: { id } }),
    api.prisma.engagement.findUnique({ where: { deliveryId: id } }),
  ]);
  return {
    status: delivery.status,
    seen: engagement?.seenAt != null,
    read: engagement?.readAt != null,
  };
};

async function withApplication(work: (application: Application) => Promise<void>): Promise<void> {
  const opened = await openApplication();
  try {
    await work(opened);
    expect(elsewhere).toEqual([]);
    expect(opened.complaints).toEqual([]);
  } finally {
    await opened.context.close();
  }
}

describe("the service worker", () => {
  it("shows a message with all its parts, and reports that it was shown", () =>
    withApplication(async (opened) => {
      const [id] = await insertPushDeliveries(api, recipientId);
      const message = await messageFor(id!, {
        tag: "task-17",
        icon: "/icon.png",
        requireInteraction: true,
        actions: [
          { action: "0", title: "Open", navigate: `${application.url}/tasks/17/open` },
          { action: "1", title: "Later", navigate: `${application.url}/later` },
        ],
      });
      await deliver(opened, message);
      await expect
        .poll(() => stateOf(id!))
        .toEqual({ status: "delivered", seen: true, read: false });
      expect(await shownOn(opened.window)).toEqual([
        expect.objectContaining({
          title: "The task is due",
          body: "Write the report",
          tag: "task-17",
          lang: "en",
          icon: `${application.url}/icon.png`,
          requireInteraction: true,
          data: expect.objectContaining({ type: "task.due", count: 1 }),
          actions: [
            expect.objectContaining({ action: "0", title: "Open" }),
            expect.objectContaining({ action: "1", title: "Later" }),
          ],
        }),
      ]);
    }));

  it("shows something whatever the message lacks", () =>
    withApplication(async (opened) => {
      const host = new URL(application.url).hostname;
      const titles = [host, host, host, host, "Only a title", "Odd"];
      const messages = [
        "no JSON",
        "",
        "null",
        { notification: { body: 7, data: "x", actions: "y" } },
        { web_push: 8030, notification: { title: "Only a title" } },
        {
          notification: {
            title: "Odd",
            icon: "javascript:alert(1)",
            renotify: true,
            timestamp: "now",
            data: { receipt: "ftp://example.org/", actions: [null] },
            actions: [null, { title: "" }, { title: "A", icon: 1 }],
          },
        },
      ];
      for (const [n, message] of messages.entries()) {
        await deliver(opened, message);
        await expect
          .poll(async () => (await shownOn(opened.window)).map(({ title }) => title).sort())
          .toEqual(titles.slice(0, n + 1).sort());
      }
      const shown = await shownOn(opened.window);
      expect(shown.find(({ body }) => body === "no JSON")).toBeDefined();
      expect(shown.find(({ title }) => title === "Odd")!.icon).toBe("");
    }));

  it("replaces a notification by a later one with the same tag", () =>
    withApplication(async (opened) => {
      const ids = await insertPushDeliveries(api, recipientId, { statuses: ["sent", "sent"] });
      for (const [n, id] of ids.entries()) {
        await deliver(opened, await messageFor(id, { title: `Number ${n}`, tag: "one" }));
        await expect.poll(async () => (await stateOf(id)).status).toBe("delivered");
      }
      expect((await shownOn(opened.window)).map(({ title }) => title)).toEqual(["Number 1"]);
    }));

  it("opens the address of a notification that is pressed, in a window that has it or a new one", () =>
    withApplication(async (opened) => {
      for (const where of ["new", "same"]) {
        const [id] = await insertPushDeliveries(api, recipientId);
        await deliver(opened, await messageFor(id!));
        await expect.poll(async () => (await stateOf(id!)).seen).toBe(true);
        if (where === "same") await opened.window.goto(`${application.url}/tasks/17`);
        await happen(opened, "notificationclick");
        await expect
          .poll(() => stateOf(id!))
          .toEqual({ status: "delivered", seen: true, read: true });
        await expect.poll(() => openedBy(opened)).toEqual([`${where} ${application.url}/tasks/17`]);
        expect(await shownOn(opened.window)).toEqual([]);
      }
    }));

  it("opens the address of a button, and never one that is not http", () =>
    withApplication(async (opened) => {
      const [id] = await insertPushDeliveries(api, recipientId);
      const actions = [
        { action: "0", title: "See", navigate: "/see" },
        { action: "1", title: "Script", navigate: "javascript:alert(1)" },
      ];
      for (const [action, url] of [
        ["0", "/see"],
        ["1", "/tasks/17"],
      ]) {
        await deliver(opened, await messageFor(id!, { actions }));
        await expect.poll(async () => (await shownOn(opened.window)).length).toBe(1);
        await happen(opened, "notificationclick", action);
        await expect.poll(() => openedBy(opened)).toEqual([`new ${application.url}${url}`]);
        await expect.poll(() => shownOn(opened.window)).toEqual([]);
      }
    }));

  it("performs the action of a button without opening anything", () =>
    withApplication(async (opened) => {
      const [id] = await insertPushDeliveries(api, recipientId);
      const token = await tokens.signActionToken({
        target: { delivery: id! },
        action: { action: "snooze", minutes: 60 },
        expiresAt: expiresAt(),
      });
      const message = await messageFor(
        id!,
        {
          actions: [
            { action: "0", title: "Open", navigate: `${application.url}/open` },
            { action: "1", title: "In an hour", navigate: `${tidings.url}/a/${token}` },
          ],
        },
        {
          actions: [
            { kind: "view", url: `${application.url}/open` },
            { kind: "snooze", url: `${tidings.url}/a/${token}` },
          ],
        },
      );
      await deliver(opened, message);
      await expect.poll(async () => (await stateOf(id!)).seen).toBe(true);
      await happen(opened, "notificationclick", "1");
      await expect
        .poll(() =>
          api.prisma.event.count({ where: { deliveryId: id!, kind: "delivery.snoozed" } }),
        )
        .toBe(1);
      await expect.poll(async () => (await stateOf(id!)).read).toBe(true);
      expect(await openedBy(opened)).toEqual([]);

      // A link that does not work any more is opened, so that its page says why.
      await api.prisma.event.deleteMany();
      await api.pool.query("UPDATE recipients SET links_epoch = links_epoch + 1");
      await deliver(opened, {
        notification: {
          ...message.notification,
          data: { ...message.notification.data, receipt: null },
        },
      });
      await expect.poll(async () => (await shownOn(opened.window)).length).toBe(1);
      await happen(opened, "notificationclick", "1");
      await expect.poll(() => openedBy(opened)).toEqual([`new ${tidings.url}/a/${token}`]);
      await api.pool.query("UPDATE recipients SET links_epoch = 0");
    }));

  it("reports a notification that is closed as seen, and not as read", () =>
    withApplication(async (opened) => {
      const [id] = await insertPushDeliveries(api, recipientId);
      await deliver(opened, await messageFor(id!));
      await expect.poll(async () => (await stateOf(id!)).seen).toBe(true);
      await api.prisma.engagement.deleteMany();
      await happen(opened, "notificationclose");
      await expect
        .poll(() => stateOf(id!))
        .toEqual({ status: "delivered", seen: true, read: false });
    }));
});

/** A module on the application's page, with a push service that makes subscriptions up: that of Chromium is on the internet. */
const usePush = ({ window }: Application, token: string, work: string) =>
  window.evaluate(`(async () => {
    const made = (PushManager.made ??= []);
    const current = () => made.at(-1) ?? null;
    PushManager.prototype.getSubscription = async () => current();
    PushManager.prototype.subscribe = async ({ applicationServerKey }) => {
      const point = await crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, true, ["deriveBits"]);
      const encode = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
      const endpoint = "https://fcm.googleapis.com/fcm/send/" + crypto.randomUUID();
      const keys = { p256dh: encode(await crypto.subtle.exportKey("raw", point.publicKey)), auth: encode(crypto.getRandomValues(new Uint8Array(16))) };
      made.push({
        endpoint, options: { applicationServerKey: applicationServerKey.buffer },
        toJSON: () => ({ endpoint, expirationTime: null, keys }),
        unsubscribe: async () => { made.length = 0; return true; },
      });
      return current();
    };
    const { createPush } = await import("${tidings.url}/push/client.js");
    const push = createPush({ url: "${tidings.url}/", getToken: async () => "${token}", label: "A browser" });
    ${work}
  })()`);

describe("the module for pages", () => {
  const listed = async () =>
    (await api.send("GET", "/v1/recipients/u0/addresses")).body.items as Record<string, unknown>[];

  it("subscribes, registers again at each load, follows a new key, and unsubscribes", () =>
    withApplication(async (opened) => {
      const token = await tokens.signRecipientToken({
        recipientId,
        purposes: ["push"],
        expiresAt: expiresAt(),
      });
      const use = (work: string) => usePush(opened, token, work);
      expect(await use("return [await push.status(), await push.resubscribe()]")).toEqual([
        "unsubscribed",
        "unsubscribed",
      ]);
      expect(await listed()).toEqual([]);
      expect(await use("return push.subscribe()")).toBe("subscribed");
      const [first, ...others] = await listed();
      expect([first!["label"], first!["service"], others]).toEqual([
        "A browser",
        "fcm.googleapis.com",
        [],
      ]);
      // The same subscription is the same address.
      expect(await use("return push.resubscribe()")).toBe("subscribed");
      expect((await listed()).map(({ id }) => id)).toEqual([first!["id"]]);
      // A subscription for an earlier key is replaced, and so is one that the browser has lost.
      await use(
        "current().options.applicationServerKey = new ArrayBuffer(65); await push.resubscribe()",
      );
      expect(await listed()).toHaveLength(2);
      await use("made.length = 0; await push.resubscribe()");
      expect(await listed()).toHaveLength(3);
      expect(await use("return push.unsubscribe()")).toBe("unsubscribed");
      expect(await listed()).toHaveLength(2);
      expect(await use("return push.resubscribe()")).toBe("unsubscribed");
    }));

  it("says so if Tidings refuses, and keeps within its size", () =>
    withApplication(async (opened) => {
      const fault = await usePush(
        opened,
        "no.token.at-all",
        "return push.subscribe().catch(String)",
      );
      expect(fault).toBe("Error: Tidings has answered 401 to PUT");
      opened.complaints.length = 0;
      for (const name of ["client.js", "sw.js"]) {
        const script = await (await fetch(`${tidings.url}/push/${name}`)).arrayBuffer();
        expect([name, gzipSync(script, { level: 9 }).length <= 3_072]).toEqual([name, true]);
      }
    }));
});

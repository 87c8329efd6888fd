import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { startTemporaryStack, type TemporaryStack } from "../../cli/demo/temporary-stack.ts";
import { parsePublicId } from "../../domain/ids.ts";
import { type MailServer, startMailServer } from "../policy/mail-server.ts";
import { type Firefox, launchFirefox } from "../support/firefox.ts";
import { type PushService, startPushService } from "../support/push-service.ts";
import { serveWebPages, type WebPages } from "../support/web-pages.ts";

// The whole way of a push notification: the API, Temporal, a worker, a push service, a stock Firefox, and the page and the service worker
// of an application on another origin, which use our scripts. The tests follow each other, as the days of one recipient do.

const recipient = "ada";
const route = { stages: [{ via: ["push", "email"] }] };

let folder: string;
let push: PushService;
let mail: MailServer;
let pages: WebPages;
let stack: TemporaryStack;
let database: pg.Pool;
let firefox: Firefox;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "tidings-firefox-push-"));
  [push, mail] = await Promise.all([startPushService(), startMailServer("mail")]);
  const ca = join(folder, "ca.pem");
  writeFileSync(ca, push.ca);
  pages = await serveWebPages({
    "/": { type: "text/html", content: () => applicationPage(stack.urls.api) },
    "/sw.js": {
      type: "text/javascript",
      content: () => `importScripts("${stack.urls.api}/push/sw.js");`,
    },
    "/token": { type: "text/plain", content: issueToken },
    "/tasks/17": { type: "text/html", content: "<!doctype html><title>Task 17</title>" },
  });
  [stack, firefox] = await Promise.all([
    startTemporaryStack({
      environment: {
        ...process.env,
        CORS_ORIGINS: pages.origin,
        HTTP_ALLOW_PORTS: String(push.port),
        HTTP_ALLOW_PRIVATE: "127.0.0.1/32",
        NODE_EXTRA_CA_CERTS: ca,
      },
      workers: 1,
      smtpUrl: mail.url,
    }),
    launchFirefox({ socketUrl: push.socketUrl }),
  ]);
  database = new pg.Pool({ connectionString: stack.databaseUrl });
  await call("PUT", `/v1/recipients/${recipient}`, { email: `${recipient}@example.org` });
  await call("POST", "/v1/templates", {
    key: "task",
    name: "Task",
    content: {
      email: { subject: "{{ title }}", html: "<p>{{ title }}</p>" },
      push: {
        title: "{{ title }}",
        body: "Due at five, é漢🎉",
        url: `${pages.origin}/tasks/17`,
        tag: "task-17",
        requireInteraction: true,
      },
    },
  });
});
afterAll(async () => {
  await firefox?.close();
  await database?.end();
  await stack?.stop();
  await Promise.all([pages?.stop(), push?.stop(), mail?.stop()]);
  if (folder) rmSync(folder, { recursive: true });
});

let hasFailed = false;
beforeEach(({ onTestFailed, skip }) => {
  skip(hasFailed, "an earlier step has failed");
  onTestFailed(() => void (hasFailed = true));
});

const applicationPage = (api: string) => `<!doctype html>
  <title>An application</title>
  <script type="module">
    import { createPush } from "${api}/push/client.js";
    const getToken = async () => (await fetch("/token")).text();
    window.push = createPush({ url: "${api}", getToken, label: "Firefox at home" });
  </script>`;

async function issueToken(): Promise<string> {
  const { token } = await call<{ token: string }>("POST", `/v1/recipients/${recipient}/tokens`, {
    purposes: ["push"],
  });
  return token;
}

/** Calls the API as a service does. Rejects with an answer that is no success. */
async function call<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(new URL(path, stack.urls.api), {
    method,
    headers: {
      authorization: `Bearer ${stack.apiKey}`,
      ...(body !== undefined && { "content-type": "application/json" }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
  return (text === "" ? undefined : JSON.parse(text)) as Answer;
}

interface Delivery {
  id: string;
  status: string;
  channel: string;
  attempts: { provider: string; outcome: string; failure: string | null }[];
}

/** Sends a notification to the recipient, and returns the id of its one delivery. */
async function notify(title: string): Promise<string> {
  const { id } = await call<{ id: string }>("POST", "/v1/notifications", {
    recipients: [recipient],
    template: { key: "task" },
    data: { title },
    route,
    entityId: "task-17",
    actions: [{ action: "complete", label: "Done" }],
  });
  const { deliveries } = await call<{ deliveries: { id: string }[] }>(
    "GET",
    `/v1/notifications/${id}`,
  );
  return deliveries[0]!.id;
}

const readDelivery = (id: string) => call<Delivery>("GET", `/v1/deliveries/${id}`);

const readAddresses = async () =>
  (await call<{ items: unknown[] }>("GET", `/v1/recipients/${recipient}/addresses`)).items;

const titles = async () => (await firefox.alerts()).map(({ title }) => title);

const mailed = () => mail.mails.map(({ deliveryId }) => deliveryId);

/** How far the recipient has come with a message, as their device has reported it. */
async function engagementOf(delivery: string): Promise<string[]> {
  const { rows } = await database.query<Record<string, Date | null>>(
    `SELECT seen_at AS seen, read_at AS read, acted_at AS acted FROM engagements WHERE delivery_id = $1`,
    [parsePublicId("delivery", delivery)],
  );
  return Object.entries(rows[0] ?? {}).flatMap(([level, at]) => (at === null ? [] : [level]));
}

it("a page of another origin subscribes the browser", async () => {
  await firefox.goto(`${pages.origin}/`);
  expect(await firefox.run("return push.status();")).toBe("unsubscribed");
  expect(await firefox.run("return push.subscribe();")).toBe("subscribed");
  const addresses = await readAddresses();
  expect(addresses).toEqual([
    expect.objectContaining({ channel: "push", label: "Firefox at home", disabledAt: null }),
  ]);
  const endpoint = await firefox.run(`
    const { pushManager } = await navigator.serviceWorker.ready;
    return (await pushManager.getSubscription()).endpoint;`);
  expect(endpoint).toMatch(push.origin);
  expect(JSON.stringify(addresses)).not.toContain(endpoint);
});

let first: string;

it("the browser shows a notification, and reports it", async () => {
  first = await notify("Send the report");
  await expect
    .poll(() => firefox.alerts())
    .toEqual([{ title: "Send the report", body: "Due at five, é漢🎉" }]);
  await expect
    .poll(() => readDelivery(first))
    .toMatchObject({
      status: "delivered",
      channel: "push",
      attempts: [{ outcome: "sent", failure: null }],
    });
  expect(await engagementOf(first)).toEqual(["seen"]);
  expect(
    await firefox.run(`
      const shown = await (await navigator.serviceWorker.ready).getNotifications();
      return shown.map(({ title, tag, requireInteraction, actions }) =>
        ({ title, tag, requireInteraction, actions: actions.map(({ title }) => title) }));`),
  ).toEqual([
    { title: "Send the report", tag: "task-17", requireInteraction: true, actions: ["Done"] },
  ]);
  expect(push.requests).toEqual([
    expect.objectContaining({ status: 201, subject: expect.any(String), urgency: "normal" }),
  ]);
  await expect.poll(() => push.acknowledgements.map(({ code }) => code)).toEqual([100]);
  expect(mailed()).toEqual([]);
});

let second: string;

it("a newer notification with the same tag takes its place", async () => {
  second = await notify("Send the report now");
  await expect.poll(titles).toEqual(["Send the report now"]);
  await expect.poll(() => readDelivery(second)).toMatchObject({ status: "delivered" });
});

it("its action is performed", async () => {
  await firefox.chooseAction("Send the report now", "0");
  await expect.poll(() => engagementOf(second)).toEqual(["seen", "read", "acted"]);
  const { items } = await call<{ items: unknown[] }>("GET", "/v1/events");
  expect(items).toContainEqual(
    expect.objectContaining({
      kind: "delivery.completed",
      delivery: second,
      entityId: "task-17",
      automated: false,
    }),
  );
  await expect.poll(titles).toEqual([]);
});

it("a click opens the page of its subject", async () => {
  const clicked = await notify("Read the answer");
  await expect.poll(titles).toEqual(["Read the answer"]);
  await firefox.click("Read the answer");
  await expect.poll(() => pages.requests.map(({ path }) => path)).toContain("/tasks/17");
  await expect.poll(() => engagementOf(clicked)).toEqual(["seen", "read"]);
});

it("a message to a subscription that is gone is sent by email", async () => {
  // The browser ends it, and the page does not say so.
  await firefox.run(`
    const { pushManager } = await navigator.serviceWorker.ready;
    return (await pushManager.getSubscription()).unsubscribe();`);
  const delivery = await notify("To nobody");
  await expect
    .poll(() => readDelivery(delivery))
    .toMatchObject({
      status: "sent",
      channel: "email",
      attempts: [{ outcome: "permanent", failure: "unknown_address" }, { outcome: "sent" }],
    });
  expect(mailed()).toEqual([delivery]);
  expect(push.requests.at(-1)).toMatchObject({ status: 410 });
  expect(await readAddresses()).toEqual([
    expect.objectContaining({ disabledAt: expect.any(String), disabledReason: "gone" }),
  ]);
});

it("the next page that is loaded subscribes again", async () => {
  await firefox.goto(`${pages.origin}/`);
  expect(await firefox.run("return push.resubscribe();")).toBe("subscribed");
  const delivery = await notify("Welcome back");
  await expect.poll(titles).toEqual(["Welcome back"]);
  await expect
    .poll(() => readDelivery(delivery))
    .toMatchObject({
      status: "delivered",
      channel: "push",
    });
});

it("nothing is pushed once the page has ended the subscription", async () => {
  const before = push.requests.length;
  expect(await firefox.run("return push.unsubscribe();")).toBe("unsubscribed");
  await expect
    .poll(readAddresses)
    .not.toContainEqual(expect.objectContaining({ disabledAt: null }));
  const delivery = await notify("By email only");
  await expect
    .poll(() => readDelivery(delivery))
    .toMatchObject({
      status: "sent",
      channel: "email",
      attempts: [{ outcome: "sent" }],
    });
  expect(push.requests.length).toBe(before);
  expect(mailed()).toContain(delivery);
});

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createBrowserTokens } from "../../domain/browser-links.ts";
import { newUuid, parsePublicId, publicId } from "../../domain/ids.ts";
import { numberLink } from "../../domain/templates/links/web-links.ts";
import { createTrackingTokens } from "../../domain/tracking/tokens.ts";
import { judgeDueHits } from "../../ledger/tracking-hits.ts";
import { startApiProcess } from "../support/api-process.ts";
import { type Api, sampleTemplate, seed, startApi, tokenSecret } from "./harness.ts";

const shop = "https://shop.example.org/sale?a=1&b=ä";
const shopUrl = new URL(shop).href;
const mapUrl = "https://map.example.org/";
let api: Api;
let campaignId: string;
let recipientId: string;
let otherId: string;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 2);
  await api.send("POST", "/v1/templates", {
    ...sampleTemplate,
    key: "sale",
    content: {
      email: {
        subject: "Sale",
        html: `<a href="${shop.replace("&", "&amp;")}">Shop</a> <a href="${mapUrl}">Map</a> <a href="{{ browserUrl }}">Browser</a> {{ order }}`,
      },
    },
  });
  const campaign = await api.send("POST", "/v1/campaigns", {
    name: "Sale",
    template: { key: "sale" },
    audience: { all: true },
    data: { order: "<A-1>" },
    tracking: { opens: true, clicks: true },
  });
  campaignId = parsePublicId("campaign", campaign.body.id)!;
  const recipients = await api.prisma.recipient.findMany({ orderBy: { externalId: "asc" } });
  [recipientId, otherId] = recipients.map(({ id }) => id) as [string, string];
});
beforeEach(async () => {
  await api.prisma
    .$executeRaw`TRUNCATE ended_deliveries, engagements, engagement_events, groups CASCADE`;
});
afterAll(() => api.stop());

const tokens = createTrackingTokens([tokenSecret]);
const chrome = "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36";

/** A delivery of the campaign that was sent a minute ago. */
async function addDelivery({ recipient = recipientId, group = null as string | null } = {}) {
  const id = newUuid();
  await api.prisma.endedDelivery.create({
    data: {
      id,
      campaignId,
      recipientId: recipient,
      // A campaign has one delivery to each recipient and leg.
      leg: id,
      channel: "email",
      priority: "normal",
      queue: "q",
      status: "sent",
      finishedAt: new Date(Date.now() - 60_000),
      groupId: group,
      revision: 1,
    },
  });
  return id;
}

const openPath = (delivery: string) => `/t/o/${tokens.signMessage("open", { delivery })}.gif`;
const clickPath = (delivery: string, url = shopUrl, label = shop) =>
  `/t/c/${tokens.signMessage("click", { delivery })}/${tokens.signLink({ number: numberLink(label), switchId: campaignId, url })}`;
const hiddenPath = (delivery: string) =>
  `/t/c/${tokens.signMessage("click", { delivery })}/${tokens.signLink({ number: 0, switchId: campaignId, url: "" })}`;
const request = (path: string, { method = "GET", userAgent = chrome, host = "localhost" } = {}) =>
  api.app.request(path, { method, headers: { "user-agent": userAgent, host } });

const erase = async (externalId: string) =>
  expect((await api.send("DELETE", `/v1/recipients/${externalId}`)).status).toBeLessThan(300);

/** Writes what was gathered, and judges it as if its time had come. */
async function judge() {
  await api.hits.flush();
  await api.prisma
    .$executeRaw`UPDATE engagement_events SET due_at = now() WHERE due_at IS NOT NULL`;
  while (await judgeDueHits(api.pool));
}
const engagements = () => api.prisma.engagement.findMany({ orderBy: { deliveryId: "asc" } });

describe("the addresses of a tracked email", () => {
  it("answer with an image and a redirect, without cookies, and nothing stores or passes them on", async () => {
    const id = await addDelivery();
    const image = await request(openPath(id));
    const link = await request(clickPath(id));
    expect(image.status).toBe(200);
    expect(image.headers.get("content-type")).toBe("image/gif");
    expect((await image.arrayBuffer()).byteLength).toBe(42);
    expect(link.status).toBe(302);
    expect(link.headers.get("location")).toBe("https://shop.example.org/sale?a=1&b=%C3%A4");
    for (const { headers } of [image, link]) {
      expect(headers.get("set-cookie")).toBeNull();
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("x-robots-tag")).toBe("noindex");
    }
    await judge();
    expect(await engagements()).toMatchObject([
      { deliveryId: id, opens: 1, clicks: 1, machineOpens: 0, machineClicks: 0 },
    ]);
    expect((await engagements())[0]!.readAt).not.toBeNull();
    const shown = JSON.stringify(api.logged);
    expect(shown).not.toContain(openPath(id));
  });

  it("lead nowhere if anything in them was changed", async () => {
    const id = await addDelivery();
    const path = clickPath(id);
    const [, , , message, link] = path.split("/") as string[];
    const flip = (text: string, at: number) =>
      text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
    const places = Array.from({ length: 10 }, (_, n) => n);
    const other = createTrackingTokens(["another-secret-of-at-least-32-characters"]);
    const tampered = [
      ...places.map((n) => `/t/c/${message}/${flip(link!, Math.floor((n * link!.length) / 10))}`),
      ...places.map((n) => `/t/c/${flip(message!, 3 * n)}/${link}`),
      `/t/c/${message}/${message}`,
      `/t/c/${link}/${link}`,
      `/t/c/${message}/${Buffer.from("https://evil.example/").toString("base64url")}`,
      `/t/c/${message}/${other.signLink({ number: 1, switchId: campaignId, url: "https://evil.example/" })}`,
      `/t/c/${message}/${link}=`,
      `/t/c/${tokens.signMessage("open", { delivery: id })}/${link}`,
      `/t/o/${message}.gif`,
    ];
    for (const changed of tampered) {
      const response = await request(changed);
      expect([changed, response.status]).toEqual([changed, 404]);
      expect(response.headers.get("location")).toBeNull();
    }
    await judge();
    expect(await engagements()).toEqual([]);
  });

  it("count programs apart: HEAD, scanners, several links at once, and anybody who follows the hidden link", async () => {
    const [head, scanner, several, hidden] = await Promise.all([
      addDelivery(),
      addDelivery(),
      addDelivery(),
      addDelivery(),
    ]);
    expect((await request(clickPath(head), { method: "HEAD" })).status).toBe(302);
    await request(openPath(scanner), { userAgent: "Mozilla/5.0" });
    await request(clickPath(scanner), { userAgent: "curl/8.5" });
    await request(clickPath(several));
    await request(clickPath(several, mapUrl, mapUrl));
    await request(openPath(hidden));
    await request(clickPath(hidden));
    const trap = await request(hiddenPath(hidden));
    expect(trap.status).toBe(200);
    expect(trap.headers.get("location")).toBeNull();
    await judge();
    for (const engagement of await engagements())
      expect(engagement).toMatchObject({ readAt: null, openedAt: null, clickedAt: null });
    const clicksOf = new Map((await engagements()).map((one) => [one.deliveryId, one]));
    expect(clicksOf.get(head)).toMatchObject({ machineClicks: 1, machineOpens: 0 });
    expect(clicksOf.get(scanner)).toMatchObject({ machineClicks: 1, machineOpens: 1 });
    expect(clicksOf.get(several)).toMatchObject({ machineClicks: 2 });
    expect(clicksOf.get(hidden)).toMatchObject({ machineClicks: 2, machineOpens: 1 });
  });

  it("count what follows a hand-over at once as a program, and what is repeated without end up to a limit", async () => {
    const id = await addDelivery();
    await api.prisma.$executeRaw`UPDATE ended_deliveries SET finished_at = now()`;
    await request(openPath(id));
    await judge();
    expect(await engagements()).toMatchObject([{ opens: 0, machineOpens: 1 }]);
    const often = await addDelivery();
    for (let time = 0; time < 70; time += 1)
      expect((await request(openPath(often))).status).toBe(200);
    await judge();
    expect((await engagements()).find(({ deliveryId }) => deliveryId === often)!.opens).toBe(60);
  });

  it("count for each member of a group that was sent as one message", async () => {
    const group = newUuid();
    await api.prisma.group.create({
      data: { id: group, kind: "batch", recipientId, channel: "email", closesAt: new Date() },
    });
    await addDelivery({ group });
    await addDelivery({ group });
    await request(`/t/o/${tokens.signMessage("open", { group })}`);
    await judge();
    expect(await engagements()).toMatchObject([{ opens: 1 }, { opens: 1 }]);
  });

  it("list each link of the campaign with its people and programs", async () => {
    for (const recipient of [recipientId, otherId]) {
      const id = await addDelivery({ recipient });
      await request(clickPath(id));
      await request(clickPath(id));
    }
    const id = await addDelivery();
    await request(clickPath(id, "https://own.example.org/", "https://own.example.org/"));
    await request(clickPath(await addDelivery()), { userAgent: "curl/8.5" });
    await judge();
    const { body } = await api.send(
      "GET",
      `/v1/campaigns/${publicId("campaign", campaignId)}/links`,
    );
    expect(body.items).toEqual([
      { url: shop, people: 2, machines: 1, clicks: 4 },
      { url: null, people: 1, machines: 0, clicks: 1 },
      { url: mapUrl, people: 0, machines: 0, clicks: 0 },
    ]);
    // Opens are not kept one by one.
    expect(await api.prisma.engagementEvent.count({ where: { kind: "open" } })).toBe(0);
  });

  it("change nothing after an erasure, before and after which they work", async () => {
    const { body } = await api.send("PUT", "/v1/recipients/gone", { email: "gone@example.org" });
    const id = await addDelivery({ recipient: parsePublicId("recipient", body.id)! });
    await request(clickPath(id));
    await judge();
    await request(clickPath(id, mapUrl, mapUrl));
    await api.hits.flush();
    await erase("gone");
    expect(await engagements()).toEqual([]);
    expect(await api.prisma.engagementEvent.count()).toBe(0);
    expect((await request(openPath(id))).status).toBe(200);
    expect((await request(clickPath(id))).status).toBe(302);
    await judge();
    expect(await engagements()).toEqual([]);
    expect(await api.prisma.engagementEvent.count()).toBe(0);
  });
});

describe("the links of a campaign", () => {
  it("lead nowhere once they are switched off, even after its end, until they are switched on", async () => {
    const id = await addDelivery();
    await api.prisma.campaign.update({
      where: { id: campaignId },
      data: { status: "completed", finishedAt: new Date() },
    });
    const path = `/v1/campaigns/${publicId("campaign", campaignId)}`;
    const set = async (redirects: boolean) => {
      const etag = (await api.send("GET", path)).headers.get("etag")!;
      const reply = await api.send("PATCH", path, { redirects }, { "if-match": etag });
      expect([reply.status, reply.body.redirects]).toEqual([200, redirects]);
    };
    await set(false);
    await expect.poll(async () => (await request(clickPath(id))).status).toBe(410);
    const page = await api.app.request(clickPath(id), { headers: { accept: "text/html" } });
    expect([page.status, page.headers.get("location")]).toEqual([410, null]);
    expect(await page.text()).toContain("switched off");
    await set(true);
    await expect.poll(async () => (await request(clickPath(id))).status).toBe(302);
    const etag = (await api.send("GET", path)).headers.get("etag")!;
    const refused = await api.send("PATCH", path, { name: "Other" }, { "if-match": etag });
    expect(refused.status).toBe(409);
    await api.prisma.campaign.update({
      where: { id: campaignId },
      data: { status: "draft", finishedAt: null },
    });
  });
});

describe("an email in a browser", () => {
  const browserTokens = createBrowserTokens([tokenSecret]);
  const view = (deliveryId: string) => `/m/${browserTokens.sign({ deliveryId, epoch: 0 })}`;
  it("is what was sent, in a sandbox, and not tracked", async () => {
    const id = await addDelivery();
    const response = await request(view(id));
    expect(response.status).toBe(200);
    expect(response.headers.get("content-security-policy")).toMatch(
      /^sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none';/,
    );
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("x-robots-tag")).toBe("noindex");
    const html = await response.text();
    expect(html).toContain(`<a href="${mapUrl}">Map</a>`);
    expect(html).toContain("&lt;A-1&gt;");
    expect(html).toContain(`<a href="https://tidings.example.org${view(id)}">Browser</a>`);
    expect(html).not.toContain("/t/");
  });

  it("is gone quietly with the delivery and with the recipient", async () => {
    expect((await request(view(newUuid()))).status).toBe(404);
    expect((await request("/m/abc")).status).toBe(404);
    const { body } = await api.send("PUT", "/v1/recipients/gone2", { email: "gone2@example.org" });
    const id = await addDelivery({ recipient: parsePublicId("recipient", body.id)! });
    await erase("gone2");
    const response = await api.app.request(view(id), { headers: { accept: "text/html" } });
    expect(response.status).toBe(410);
    expect(await response.text()).toContain("no longer available");
  });
});

it("serves nothing but tracking under the host for tracking", async () => {
  const apart = await startApi({
    database: api.database,
    config: { trackingHost: "t.example.org" },
  });
  try {
    const at = (path: string, host: string) => apart.app.request(path, { headers: { host } });
    expect((await at("/healthz", "t.example.org")).status).toBe(404);
    expect((await at("/console/", "T.example.org:443")).status).toBe(404);
    expect((await at(clickPath(newUuid()), "t.example.org")).status).toBe(302);
    expect((await at("/healthz", "tidings.example.org")).status).toBe(200);
  } finally {
    await apart.stop();
  }
});

describe("an API process", () => {
  it("redirects also if it was started without its database", async () => {
    const started = startApiProcess("postgresql://nobody@127.0.0.1:1/none", { LOG_LEVEL: "fatal" });
    try {
      const url = await started.ready;
      const response = await fetch(url + clickPath(newUuid()), { redirect: "manual" });
      expect([response.status, response.headers.get("location")]).toEqual([302, shopUrl]);
      expect((await fetch(url + openPath(newUuid()))).status).toBe(200);
    } finally {
      started.child.kill("SIGKILL");
      await started.exited;
    }
  });

  it("writes hits without being asked, so that a kill loses only the last, and a stop none", async () => {
    const id = await addDelivery();
    const written = () => api.prisma.engagementEvent.count();
    for (const signal of ["SIGKILL", "SIGTERM"] as const) {
      await api.prisma.engagementEvent.deleteMany();
      const started = startApiProcess(api.url, { LOG_LEVEL: "fatal" });
      const url = await started.ready;
      const follow = async (times: number) => {
        for (let n = 0; n < times; n += 1) await fetch(url + clickPath(id), { redirect: "manual" });
      };
      await follow(20);
      await expect.poll(written).toBe(20);
      await follow(20);
      started.child.kill(signal);
      await started.exited;
      expect(await written()).toBeGreaterThanOrEqual(signal === "SIGTERM" ? 40 : 20);
    }
  });
});

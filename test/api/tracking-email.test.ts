import { MockActivityEnvironment } from "@temporalio/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createChannels } from "../../activities/channels/channels.ts";
import { createDispatcher } from "../../activities/dispatch/index.ts";
import { createActionLinks } from "../../domain/action-links.ts";
import { publicId } from "../../domain/ids.ts";
import { findLinks } from "../../domain/templates/links/find-links.ts";
import { createLedger } from "../../ledger/ledger.ts";
import { judgeDueHits } from "../../ledger/tracking-hits.ts";
import { channelTo, provider } from "../channels/email-channel.ts";
import { startMailbox } from "../channels/mailbox.ts";
import { createUncachedClock } from "../support/ledger-time.ts";
import { type Api, sampleTemplate, seed, startApi, tokenSecret } from "./harness.ts";

const publicUrl = "https://tidings.example.org";
const trackingUrl = "https://t.example.org";
const secrets = [tokenSecret];
let api: Api;
let mailbox: Awaited<ReturnType<typeof startMailbox>>;
let channel: ReturnType<typeof channelTo>;
beforeAll(async () => {
  api = await startApi({ config: { mailboxShards: 1, trackingHost: "t.example.org" } });
  await seed(api, 3);
  mailbox = await startMailbox();
  const links = { secrets, publicUrl, trackingUrl };
  channel = channelTo([provider(mailbox.port)], { inFlightBound: 4, links });
  await api.send("POST", "/v1/templates", {
    ...sampleTemplate,
    key: "news",
    content: {
      email: {
        subject: "News",
        html: '<body><a href="https://shop.example.org/{{ order }}">Shop</a> <a href="{{ browserUrl }}">Browser</a> <a href="{{ unsubscribeUrl }}">Stop</a> <a href="{{ preferencesUrl }}">Choose</a></body>',
      },
    },
  });
  for (const type of [
    { key: "news", name: "News", tracking: { opens: true, clicks: true } },
    { key: "quiet", name: "Quiet" },
    { key: "alert", name: "Alert", mandatory: true, tracking: { opens: true, clicks: true } },
  ])
    await api.send("POST", "/v1/notification-types", type);
});
afterAll(async () => {
  await channel?.close();
  await mailbox?.close();
  await api.stop();
});

/** Sends a message of a type to a recipient, and resolves with its HTML and text as they arrive. */
async function send(type: string, recipient: string) {
  const reply = await api.send("POST", "/v1/notifications", {
    recipients: [recipient],
    template: { key: "news" },
    type,
    data: { order: "A-1" },
  });
  expect(reply.status).toBe(202);
  const { body } = await api.send("GET", `/v1/notifications/${reply.body.id}`);
  const [{ id, queue }] = body.deliveries as [{ id: string; queue: string }];
  return deliver(id, queue);
}

/** Sends what a queue contains, and resolves with the message of one of its deliveries. */
async function deliver(id: string, queue: string) {
  const { dispatch } = createDispatcher({
    pool: api.pool,
    clock: createUncachedClock(api.pool),
    ledger: createLedger(api.pool),
    channels: createChannels([channel]),
    retry: { baseMs: 60_000, capMs: 3_600_000, attempts: 3 },
    mailboxShards: 1,
    answersMs: 20_000,
    links: createActionLinks({ secrets, publicUrl }),
    wake: async () => {},
    lingerMs: 0,
  });
  await new MockActivityEnvironment().run(dispatch, { queue });
  const mail = mailbox.received.find(({ raw }) => raw.includes(`X-Tidings-Delivery: ${id}`))!;
  return { id, html: mail.email.html!, text: mail.email.text! };
}

/** In which ways the message as the API shows it differs from the one that was sent. */
const differencesOf = async (id: string) =>
  (await api.send("GET", `/v1/deliveries/${id}/message`)).body.differences as string[];

const follow = (url: string) => {
  const { host, pathname } = new URL(url);
  return api.app.request(pathname, {
    headers: { host, "user-agent": "Mozilla/5.0 (X11; Linux) Gecko/20100101 Firefox/150.0" },
  });
};

describe("an email of a type that asks for tracking", () => {
  it("arrives with links that work and are counted, and a link to itself in a browser", async () => {
    const { id, html, text } = await send("news", "u0");
    expect(await differencesOf(id)).toEqual([
      expect.stringMatching(/links lead through/),
      expect.stringMatching(/an invisible image/),
    ]);
    const [shop, browser, stop] = findLinks(html).links.map(({ href }) => href);
    expect(shop).toMatch(/^https:\/\/t\.example\.org\/t\/c\//);
    expect(stop).toMatch(/^https:\/\/tidings\.example\.org\/u\//);
    expect(text).toContain("https://shop.example.org/A-1");
    const image = /src="(https:\/\/t\.example\.org\/t\/o\/[^"]+)"/.exec(html)![1]!;
    // As if the message had been handed over long ago.
    await api.prisma
      .$executeRaw`UPDATE ended_deliveries SET attempt_finished_at = now() - interval '1 hour'`;
    expect((await follow(image)).headers.get("content-type")).toBe("image/gif");
    expect((await follow(shop!)).headers.get("location")).toBe("https://shop.example.org/A-1");
    const page = await (await follow(browser!)).text();
    expect(page).toContain('<a href="https://shop.example.org/A-1">Shop</a>');
    expect(page).toContain(`<a href="${stop}">Stop</a>`);
    await api.hits.flush();
    await api.prisma.$executeRaw`UPDATE engagement_events SET due_at = now()`;
    await judgeDueHits(api.pool);
    expect(await api.prisma.engagement.findMany()).toMatchObject([
      { opens: 1, clicks: 1, machineOpens: 0, machineClicks: 0 },
    ]);
  });

  it("leads nowhere while the links of the type are switched off", async () => {
    const [shop] = findLinks((await send("alert", "u2")).html).links.map(({ href }) => href);
    const path = "/v1/notification-types/alert";
    const set = async (redirects: boolean) => {
      const etag = (await api.send("GET", path)).headers.get("etag")!;
      const reply = await api.send("PATCH", path, { redirects }, { "if-match": etag });
      expect([reply.status, reply.body.redirects]).toEqual([200, redirects]);
    };
    await set(false);
    await expect.poll(async () => (await follow(shop!)).status).toBe(410);
    await set(true);
    await expect.poll(async () => (await follow(shop!)).status).toBe(302);
  });

  it("tracks what its recipient has not refused", async () => {
    const preference = { tracking: { opens: false } };
    const { status } = await api.send("PATCH", "/v1/recipients/u1/preferences", preference);
    expect(status).toBe(200);
    const refused = await send("news", "u1");
    expect(await differencesOf(refused.id)).toEqual([expect.stringMatching(/links lead through/)]);
    expect(refused.html).toContain("/t/c/");
    expect(refused.html).not.toContain("/t/o/");
    await api.send("PATCH", "/v1/recipients/u1/preferences", { tracking: { clicks: false } });
    expect((await send("news", "u1")).html).not.toContain("t.example.org");
  });

  it("tracks no opens of a mandatory type, and nothing of a type that does not ask", async () => {
    const alert = await send("alert", "u2");
    expect(alert.html).toContain("/t/c/");
    expect(alert.html).not.toContain("/t/o/");
    expect(await differencesOf(alert.id)).toEqual([expect.stringMatching(/links lead through/)]);
    const quiet = await send("quiet", "u2");
    expect(quiet.html).not.toContain("t.example.org");
    expect(await differencesOf(quiet.id)).toEqual([]);
  });
});

describe("the links to preferences, and to an email in a browser", () => {
  it("allow a download in the email that was asked for only, and end with the address to which they were sent", async () => {
    const { html } = await send("quiet", "u2");
    const [, browser, stop, choose] = findLinks(html).links.map(({ href }) => href);
    const statusOf = async (url: string) => (await follow(url)).status;
    expect([await statusOf(choose!), await statusOf(`${choose!}/export`)]).toEqual([200, 403]);

    const { pathname } = new URL(stop!);
    await api.app.request(`${pathname}?choice=link`, { method: "POST" });
    const asked = await api.prisma.openDelivery.findFirstOrThrow({
      where: { priority: "critical" },
    });
    const email = await deliver(publicId("delivery", asked.id), asked.queue);
    const [own] = findLinks(email.html).links.map(({ href }) => href);
    expect(await statusOf(`${own!}/export`)).toBe(200);

    const setEmail = async (address: string) => {
      const etag = (await api.send("GET", "/v1/recipients/u2")).headers.get("etag")!;
      const change = { email: address };
      const changed = await api.send("PATCH", "/v1/recipients/u2", change, { "if-match": etag });
      expect(changed.status).toBe(200);
    };
    await setEmail("U2@example.org");
    expect([await statusOf(choose!), await statusOf(browser!)]).toEqual([200, 200]);
    await setEmail("other@example.org");
    for (const url of [choose!, own!, browser!]) expect(await statusOf(url)).toBe(410);
    expect((await api.app.request(pathname, { method: "POST" })).status).toBe(200);
    const { url } = (await api.send("POST", "/v1/recipients/u2/preference-links")).body;
    expect(await statusOf(url)).toBe(200);
    await api.send("PUT", "/v1/recipients/u2", { phone: "+4915112345678" });
    expect(await statusOf(url)).toBe(410);
    const preferences = await api.send("GET", "/v1/recipients/u2/preferences");
    expect(preferences.body.preferences.types).toEqual({ quiet: { email: false } });
  });
});

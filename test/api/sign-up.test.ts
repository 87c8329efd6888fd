import { createHash } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { networkOf } from "../../lib/network-of.ts";
import { centreWords } from "../../api/preference-centre/words/words.ts";
import { languages } from "../../api/sign-up/words.ts";
import { addressKey } from "../../domain/address.ts";
import { newUuid, publicId } from "../../domain/ids.ts";
import { consentTextVersion } from "../../domain/consent.ts";
import { createExpired } from "../../ledger/retention.ts";
import { executeOn } from "../../ledger/sql.ts";
import { lockAddress } from "../../ledger/topic-subscriptions.ts";
import { type Api, seed, startApi } from "./harness.ts";

const origin = "https://www.example.org";

let api: Api;
let now = new Date("2027-03-01T09:00:00.000Z");
let client = 0;
beforeAll(async () => {
  api = await startApi({
    clock: () => (now = new Date(now.getTime() + 1)),
    config: { trustedProxies: 1, corsOrigins: [origin] },
  });
  await seed(api, 2);
  const names = { key: "news", name: "News <i>", publicNames: { de: "Neues" } };
  await api.send("POST", "/v1/topics", { ...names, isPublic: true, optIn: "single" });
  await api.send("POST", "/v1/topics", { key: "offers", name: "Offers", isPublic: true });
  await api.send("POST", "/v1/topics", { key: "secret", name: "Secret" });
});
beforeEach(async () => {
  // The limits count for each network address, and the day of an address has passed.
  client += 1;
  now = new Date(now.getTime() + 24 * 3_600_000);
  await api.prisma
    .$executeRaw`TRUNCATE topic_subscriptions, consent_entries, notifications, open_deliveries, suppressions CASCADE`;
});
afterAll(() => api.stop());

const from = () => ({ "x-forwarded-for": `192.0.2.${client}` });
const browser = () => ({ accept: "text/html", "accept-language": "xx, en;q=0.5", ...from() });
const get = async (path: string, headers: Record<string, string> = {}) => {
  const response = await api.app.request(path, { headers: { ...browser(), ...headers } });
  return { status: response.status, headers: response.headers, text: await response.text() };
};
const formOf = (page: string) => /name="form" value="([\w-]+)"/.exec(page)![1]!;

async function submit(fields: Record<string, string | string[]>, path = "/s/news") {
  const body = new URLSearchParams();
  for (const [name, values] of Object.entries(fields))
    for (const value of [values].flat()) body.append(name, value);
  const response = await api.app.request(path, {
    method: "POST",
    headers: { ...browser(), "content-type": "application/x-www-form-urlencoded" },
    body: body.toString(),
  });
  return { status: response.status, text: await response.text() };
}

/** Fills the form in as a person does, who takes a minute. */
async function signUp(email: string, more: Record<string, string | string[]> = {}, path?: string) {
  const { text } = await get(path ?? "/s/news");
  now = new Date(now.getTime() + 60_000);
  const answer = await submit({ email, topic: "news", form: formOf(text), ...more }, path);
  await api.background.whenIdle();
  return answer;
}

const sent = async () => {
  const rows = await api.prisma.notification.findMany({ orderBy: { id: "asc" } });
  return rows.map(({ data }) => data as { confirmUrl: string; topics: string[] });
};
const post = (url: string) => api.app.request(new URL(url).pathname, { method: "POST" });
const byAddress = (email: string) => api.prisma.recipient.findMany({ where: { email } });

describe("the form to sign up", () => {
  it("is a page without a script, in the language of the browser or of the link", async () => {
    const { status, headers, text } = await get("/s/news?also=offers");
    expect(status).toBe(200);
    expect(text).toContain('<html lang="en">');
    expect(text).toContain("News &lt;i&gt;");
    expect(text).not.toContain("<script");
    expect(headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("x-robots-tag")).toBe("noindex");
    expect((await get("/s/news?lang=de-AT")).text).toContain("„Neues“");
    const german = { "accept-language": "ja, de-CH;q=0.8, en;q=0.5" };
    expect((await get("/s/news", german)).text).toContain('<html lang="de">');
    for (const path of ["/s/secret", "/s/nothing", "/s/news?also=secret"])
      expect((await get(path)).status).toBe(404);
  });

  it("creates a recipient who confirms, and asks also for a topic with single opt-in", async () => {
    const fields = { name: " Grace ", topic: ["news", "offers"] };
    const { status, text } = await signUp(
      "grace@example.org",
      fields,
      "/s/news?also=offers&lang=de",
    );
    expect([status, text]).toEqual([200, expect.stringContaining("Bitte prüfen Sie Ihre E-Mails")]);
    const [recipient, ...others] = await byAddress("grace@example.org");
    expect(others).toEqual([]);
    expect(recipient).toMatchObject({ locale: "de", attributes: { name: "Grace" } });
    const [message] = await sent();
    expect(message!.topics).toEqual(["Neues", "Offers"]);
    const { id } = await api.prisma.notification.findFirstOrThrow();
    const shown = await api.send("GET", `/v1/notifications/${publicId("notification", id)}`);
    expect(shown.body).toMatchObject({ data: { confirmUrl: "https://example.invalid/action" } });
    const statuses = async () =>
      (await api.prisma.topicSubscription.findMany()).map((row) => row.status);
    expect(await statuses()).toEqual(["pending", "pending"]);
    expect(await (await post(message!.confirmUrl)).text()).toContain("„Neues, Offers“");
    expect(await statuses()).toEqual(["subscribed", "subscribed"]);
    const entry = await api.prisma.consentEntry.findFirst({ where: { step: "requested" } });
    expect(entry).toMatchObject({
      way: "form",
      actor: null,
      source: "https://tidings.example.org/s/news",
      locale: "de",
      textVersion: consentTextVersion,
    });
  });

  it("answers alike whatever is known of the address, and never changes a known recipient", async () => {
    const unknown = await signUp("unknown@example.org", { name: "X" });
    const known = await signUp("U0@Example.ORG", { name: "X" });
    expect(known).toEqual(unknown);
    const [recipient] = await byAddress("u0@example.org");
    expect(recipient).toMatchObject({ externalId: "u0", attributes: { name: "N0" } });
    const messages = await sent();
    expect(messages).toHaveLength(2);
    await post(messages[1]!.confirmUrl);
    // Subscribed already, asked a moment ago, suppressed.
    for (const reason of ["bounced", "complained", "manual"] as const)
      await api.prisma.suppression.create({
        data: {
          id: newUuid(),
          channel: "email",
          address: `${reason}@example.org`,
          reason,
          createdBy: "bootstrap",
        },
      });
    for (const name of ["u0", "unknown", "bounced", "complained", "manual"])
      expect(await signUp(`${name}@example.org`)).toEqual(unknown);
    expect(await sent()).toHaveLength(2);
    expect(await byAddress("bounced@example.org")).toEqual([]);
  });

  it("answers before it looks for the address", async () => {
    const { text } = await get("/s/news");
    now = new Date(now.getTime() + 60_000);
    const looking = await api.pool.connect();
    try {
      await looking.query("BEGIN");
      for (const email of ["u0@example.org", "unseen@example.org"]) {
        await lockAddress(executeOn(looking), addressKey(email)!);
        const { status } = await submit({ email, topic: "news", form: formOf(text) });
        expect(status).toBe(200);
      }
      expect(await sent()).toEqual([]);
    } finally {
      await looking.query("ROLLBACK");
      looking.release();
    }
    await api.background.whenIdle();
    expect(await sent()).toHaveLength(2);
  });

  it("sends one message an hour for each address and topic, and five a day", async () => {
    const attempts = [];
    for (let hour = 0; hour < 8; hour++) {
      // Two at once are one request, and one recipient.
      attempts.push(signUp("often@example.org"), signUp("OFTEN@example.org"));
      await Promise.all(attempts);
      client += 1;
      now = new Date(now.getTime() + 3_600_000);
    }
    for (const { status } of await Promise.all(attempts)) expect(status).toBe(200);
    expect(await sent()).toHaveLength(5);
    expect(
      await api.prisma.recipient.count({
        where: { email: { startsWith: "often", mode: "insensitive" } },
      }),
    ).toBe(1);
  });

  it("is shown again to anybody who is too fast, too late or mistaken, and does nothing for programs", async () => {
    const { text } = await get("/s/news");
    const form = formOf(text);
    const email = "fast@example.org";
    const fast = await submit({ email, topic: "news", form });
    expect([fast.status, fast.text]).toEqual([422, expect.stringContaining(`value="${email}"`)]);
    // The page that is shown again is as old as the first one.
    expect(formOf(fast.text)).toBe(form);
    expect((await submit({ email, topic: "news" })).status).toBe(422);
    now = new Date(now.getTime() + 25 * 3_600_000);
    expect((await submit({ email, topic: "news", form })).status).toBe(422);
    const faulty = await signUp('"><script>@', { name: "<b>" });
    expect(faulty.status).toBe(422);
    expect(faulty.text).toContain('role="alert"');
    expect(faulty.text).not.toMatch(/<script|<b>/);
    expect((await signUp(email, { topic: "secret" })).status).toBe(422);
    const trapped = await signUp(email, { website: "https://spam.example" });
    expect([trapped.status, trapped.text]).toEqual([
      200,
      expect.stringContaining("check your email"),
    ]);
    expect((await submit({ email: "x".repeat(5_000) })).status).toBe(413);
    expect(await sent()).toEqual([]);
    expect(await byAddress(email)).toEqual([]);
  });

  it("is limited for each network, and says when to come back", async () => {
    const statuses = [];
    for (let time = 0; time < 130; time++) statuses.push((await submit({})).status);
    expect(statuses.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 422));
    expect(new Set(statuses.slice(10))).toEqual(new Set([429]));
    // More were refused than all networks together may send.
    client += 1;
    expect((await submit({})).status).toBe(422);
    expect([
      networkOf("192.0.2.1"),
      networkOf("2001:DB8:0:01::1"),
      networkOf("2001:db8:0:1:ffff::2"),
      networkOf("::1"),
      networkOf(null),
    ]).toEqual(["192.0.2.1", "2001:db8:0:1", "2001:db8:0:1", "0:0:0:0", "unknown"]);
  });

  it("and links to confirm change nothing when programs follow them a thousand times", async () => {
    await signUp("scanned@example.org");
    const link = new URL((await sent())[0]!.confirmUrl).pathname;
    const before = await api.prisma.topicSubscription.findMany();
    for (let time = 0; time < 250; time++)
      for (const path of [link, "/s/news"])
        for (const method of ["GET", "HEAD"])
          expect([200, 429]).toContain((await api.app.request(path, { method })).status);
    expect(await api.prisma.topicSubscription.findMany()).toEqual(before);
    expect(await api.prisma.consentEntry.count()).toBe(1);
    expect(await sent()).toHaveLength(1);
  });

  it("has texts whose version consent names", () => {
    const inCentre = languages.map(({ lang }) => {
      const { topicNone, topicPending, topicJoin, topicConfirm } = centreWords(lang);
      return [topicNone, topicPending, topicJoin, topicConfirm];
    });
    const texts = JSON.stringify([languages, inCentre]);
    const hash = createHash("sha256").update(texts).digest("hex");
    // Who changes a text gives it another version, with which this value belongs together.
    expect({ consentTextVersion, hash: hash.slice(0, 16) }).toEqual({
      consentTextVersion: "1",
      hash: "d794c9a4e407cac5",
    });
  });
});

describe("POST /v1/sign-ups", () => {
  const send = (body: object, headers: Record<string, string> = {}) =>
    api.app.request("/v1/sign-ups", {
      method: "POST",
      headers: { "content-type": "application/json", origin, ...from(), ...headers },
      body: JSON.stringify(body),
    });

  it("signs up from a page of a configured origin, without a key", async () => {
    const wanted = { email: "own@example.org", topics: ["news"], source: `${origin}/blog?u=1` };
    const response = await send(wanted);
    expect([response.status, await response.json()]).toEqual([202, { status: "accepted" }]);
    await api.background.whenIdle();
    expect(response.headers.get("access-control-allow-origin")).toBe(origin);
    expect(await api.prisma.consentEntry.findMany()).toMatchObject([
      { way: "api", source: `${origin}/blog`, textVersion: null, locale: "en" },
    ]);
    const foreign = await send(wanted, { origin: "https://evil.example" });
    expect(foreign.headers.get("access-control-allow-origin")).toBeNull();
    expect((await send({ ...wanted, topics: ["secret"] })).status).toBe(404);
    expect((await send({ ...wanted, email: "no" })).status).toBe(422);
    expect((await send({ ...wanted, name: "x".repeat(5_000) })).status).toBe(413);
    await api.background.whenIdle();
    expect(await sent()).toHaveLength(1);
  });
});

describe("retention", () => {
  it("removes what was not confirmed in 30 days, and erases whom nobody else knows", async () => {
    await signUp("stranger@example.org");
    await signUp("u1@example.org");
    await signUp("late@example.org", { topic: ["news", "offers"] }, "/s/news?also=offers");
    await post((await sent())[2]!.confirmUrl);
    await signUp("known@example.org");
    const [known] = await byAddress("known@example.org");
    await api.send(
      "PATCH",
      `/v1/recipients/${known!.externalId}`,
      { locale: "fr" },
      { "if-match": "*" },
    );
    const retention = { deliveriesDays: 90, auditDays: 90, idempotencyDays: 90, inboxDays: 90 };
    const expired = createExpired({ pool: api.pool, retention });
    const removeAt = (days: number) =>
      expired.remove({
        table: "topic_subscriptions",
        now: new Date(now.getTime() + days * 86_400_000),
        after: null,
      });
    expect(await removeAt(29)).toMatchObject({ removed: 0, after: null });
    expect(await removeAt(31)).toMatchObject({ removed: 3, after: null });
    expect(await byAddress("stranger@example.org")).toEqual([]);
    for (const email of ["u1", "late", "known"])
      expect(await byAddress(`${email}@example.org`)).toHaveLength(1);
    expect((await api.prisma.topicSubscription.findMany()).map((row) => row.status)).toEqual([
      "subscribed",
      "subscribed",
    ]);
  });
});

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { newUuid, parsePublicId, publicId } from "../../domain/ids.ts";
import { createUnsubscribeTokens } from "../../domain/unsubscribing.ts";
import { type Api, sampleTemplate, seed, startApi, tokenSecret } from "./harness.ts";

let api: Api;
const types: Record<"news" | "alerts", string> = { news: "", alerts: "" };
beforeAll(async () => {
  api = await startApi();
  await seed(api, 30);
  const create = async (body: object) =>
    parsePublicId(
      "notificationType",
      (await api.send("POST", "/v1/notification-types", body)).body.id,
    )!;
  types.news = await create({ key: "team.news", name: "Team <news>" });
  types.alerts = await create({ key: "team.alerts", name: "Alerts", mandatory: true });
});
beforeEach(async () => {
  await api.prisma
    .$executeRaw`TRUNCATE open_deliveries, ended_deliveries, notifications, events, suppressions, preference_versions CASCADE`;
  await api.prisma
    .$executeRaw`UPDATE recipients SET preferences = NULL, preferences_version = 0, erased_at = NULL, locale = 'en'`;
  // The limit on uses counts for each recipient.
  recipientId = await findRecipient(`u${(turn++).toString()}`);
});
afterAll(() => api.stop());

let turn = 0;
let recipientId: string;
const findRecipient = async (externalId: string) =>
  (await api.prisma.recipient.findUniqueOrThrow({ where: { externalId } })).id;
const deliveryId = newUuid();

const tokens = createUnsubscribeTokens([tokenSecret]);
const tokenFor = (typeId: string | null, recipient = recipientId) =>
  tokens.sign({ recipientId: recipient, typeId, topicId: null, message: { delivery: deliveryId } });

const browser = { accept: "text/html,application/xhtml+xml" };
const get = (token: string, method = "GET") =>
  api.app.request(`/u/${token}`, { method, headers: browser });
/** What the server of a mail program sends. */
const oneClick = (token: string) =>
  api.app.request(`/u/${token}`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: "List-Unsubscribe=One-Click",
  });
const press = (token: string, choice = "") =>
  api.app.request(`/u/${token}${choice && `?choice=${choice}`}`, {
    method: "POST",
    headers: browser,
  });

const preferences = async () =>
  (await api.prisma.recipient.findUniqueOrThrow({ where: { id: recipientId } })).preferences;
const emailOf = async () =>
  (await api.prisma.recipient.findUniqueOrThrow({ where: { id: recipientId } })).email!;
const suppressions = () => api.prisma.suppression.findMany();
const events = async () =>
  ((await api.send("GET", "/v1/events")).body.items as Record<string, unknown>[]).toReversed();

/** Makes events as old as an interval: they are found by their ids, which are made in the order of time. */
const age = (interval: string) =>
  api.pool.query("UPDATE events SET id = uuid_v7(created_at - $1::interval)", [interval]);

describe("a link to unsubscribe", () => {
  it("stops a type by email at one click, as often as it is sent, without a cookie, redirect or page", async () => {
    const token = tokenFor(types.news);
    for (let time = 0; time < 3; time++) {
      const response = await oneClick(token);
      expect(response.status).toBe(200);
      expect(await response.text()).toBe("");
      expect(response.headers.get("set-cookie")).toBeNull();
      expect(response.headers.get("location")).toBeNull();
      expect(response.headers.get("cache-control")).toBe("no-store");
    }
    expect(await preferences()).toEqual({ types: { "team.news": { email: false } } });
    expect(await suppressions()).toEqual([]);
    expect(await events()).toEqual([
      expect.objectContaining({
        kind: "recipient.unsubscribed",
        recipient: publicId("recipient", recipientId),
        delivery: publicId("delivery", deliveryId),
        type: "team.news",
      }),
    ]);
    const versions = await api.prisma.preferenceVersion.findMany({ where: { recipientId } });
    expect(versions).toEqual([expect.objectContaining({ version: 1, createdBy: "recipient" })]);
  });

  it("takes the form in multipart too, and no form at all", async () => {
    const form = new FormData();
    form.set("List-Unsubscribe", "One-Click");
    const response = await api.app.request(`/u/${tokenFor(types.news)}`, {
      method: "POST",
      body: form,
    });
    expect(response.status).toBe(200);
    expect(await preferences()).toEqual({ types: { "team.news": { email: false } } });
    expect((await api.app.request(`/u/${tokenFor(null)}`, { method: "POST" })).status).toBe(200);
    expect(await suppressions()).toHaveLength(1);
  });

  it("refuses a body of more than a kilobyte", async () => {
    const response = await api.app.request(`/u/${tokenFor(types.news)}`, {
      method: "POST",
      body: "x".repeat(1_025),
    });
    expect(response.status).toBe(413);
    expect(await preferences()).toBeNull();
  });

  it("suppresses the address if it names no type, and gives it back by undo", async () => {
    const token = tokenFor(null);
    expect((await oneClick(token)).status).toBe(200);
    expect((await oneClick(token)).status).toBe(200);
    expect(await suppressions()).toEqual([
      expect.objectContaining({
        channel: "email",
        reason: "unsubscribed",
        createdBy: "recipient",
      }),
    ]);
    const page = await (await press(token, "undo")).text();
    expect(page).toContain("You receive these emails again.");
    expect(await suppressions()).toEqual([]);
    expect((await events()).map(({ kind, type }) => [kind, type])).toEqual([
      ["recipient.unsubscribed", null],
      ["recipient.resubscribed", null],
    ]);
  });

  it("leaves an address that is suppressed for another reason as it is, and records nothing", async () => {
    const address = await emailOf();
    await api.send("POST", "/v1/suppressions", { channel: "email", address, reason: "bounced" });
    const before = await suppressions();
    for (const choice of ["all", "all", "undo"])
      expect(await (await press(tokenFor(null), choice)).text()).toContain("no more of these");
    expect(await suppressions()).toEqual(before);
    expect(await events()).toEqual([]);
  });

  it("replaces a suppression that would expire", async () => {
    const address = await emailOf();
    await api.send("POST", "/v1/suppressions", { channel: "email", address, reason: "bounced" });
    await api.prisma.suppression.updateMany({ data: { expiresAt: new Date(Date.now() + 60_000) } });
    await oneClick(tokenFor(null));
    expect(await suppressions()).toEqual([
      expect.objectContaining({ reason: "unsubscribed", expiresAt: null }),
    ]);
    expect(await events()).toHaveLength(1);
  });

  it("records nothing for a recipient without an address", async () => {
    await api.prisma
      .$executeRaw`UPDATE recipients SET email = NULL WHERE id = ${recipientId}::uuid`;
    expect((await oneClick(tokenFor(null))).status).toBe(200);
    expect(await events()).toEqual([]);
    await api.prisma
      .$executeRaw`UPDATE recipients SET email = external_id || '@example.org' WHERE id = ${recipientId}::uuid`;
  });

  it("changes nothing by GET and HEAD, however often it is followed", async () => {
    const token = tokenFor(types.news);
    for (let time = 0; time < 500; time++) {
      expect([200, 429]).toContain((await get(token)).status);
      expect([200, 429]).toContain((await get(token, "HEAD")).status);
    }
    expect(await preferences()).toBeNull();
    expect(await suppressions()).toEqual([]);
    expect(await events()).toEqual([]);
    expect((await oneClick(token)).status).toBe(200);
    expect(await preferences()).toEqual({ types: { "team.news": { email: false } } });
  });

  it("shows a page without a script, in the language of the recipient", async () => {
    const token = tokenFor(types.news);
    const asked = await get(token);
    const page = (await asked.text()).replace(/<style>[^<]*<\/style>/, "");
    expect(page).toContain("Stop emails of the kind “Team &lt;news&gt;”?");
    expect(page).toContain('<html lang="en">');
    expect(page).not.toContain("<script");
    expect(page).not.toMatch(/@|rcp_/);
    expect(asked.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(asked.headers.get("referrer-policy")).toBe("no-referrer");
    await api.prisma.$executeRaw`UPDATE recipients SET locale = 'de-AT'`;
    expect(await (await get(token)).text()).toContain("Keine E-Mails der Art");
    expect(await (await press(token)).text()).toContain("Sie sind abgemeldet");
    // A second visit shows what is true now.
    expect(await (await get(token)).text()).toContain("Sie sind abgemeldet");
    expect(await (await press(token, "undo")).text()).toContain("Sie sind angemeldet");
    expect(await preferences()).toEqual({});
  });

  it("offers to stop all, after which a type comes again by undo", async () => {
    const token = tokenFor(types.news);
    expect(await (await press(token, "all")).text()).toContain("Only messages that you must");
    expect(await suppressions()).toHaveLength(1);
    expect(await preferences()).toBeNull();
    await press(token, "undo");
    expect(await suppressions()).toEqual([]);
  });

  it.each([
    ["of a type", () => types.news],
    ["from all email", () => null],
  ])("undoes an unsubscription %s for 24 hours, which the page says", async (_, typeOf) => {
    const token = tokenFor(typeOf());
    const stopped = await (await press(token)).text();
    expect(stopped).toContain("You can undo this here for 24 hours.");
    await age("23 hours");
    expect(await (await get(token)).text()).toContain("choice=undo");
    await age("25 hours");
    const later = await (await get(token)).text();
    expect(later).not.toMatch(/choice=undo|24 hours/);
    expect(later).toContain("choice=link");
    expect(await (await press(token, "undo")).text()).toContain("You are unsubscribed");
    await age("23 hours");
    expect(await (await press(token, "undo")).text()).toContain("You are subscribed");
  });

  it("does not switch on what was switched off elsewhere", async () => {
    const off = { types: { "team.news": { email: false } } };
    const path = `/v1/recipients/${publicId("recipient", recipientId)}/preferences`;
    await api.send("PATCH", path, off);
    const token = tokenFor(types.news);
    expect(await (await get(token)).text()).not.toContain("choice=undo");
    await press(token, "undo");
    expect(await preferences()).toEqual(off);
  });

  it("keeps the other channels of a type that was off as a whole, when email is undone", async () => {
    await press(tokenFor(types.news));
    await api.send("PATCH", `/v1/recipients/${publicId("recipient", recipientId)}/preferences`, {
      types: { "team.news": false },
    });
    await press(tokenFor(types.news), "undo");
    expect(await preferences()).toEqual({
      types: { "team.news": { push: false, in_app: false, sms: false, webhook: false } },
    });
  });

  it("says of a mandatory type that it cannot be switched off", async () => {
    const token = tokenFor(types.alerts);
    expect(await (await get(token)).text()).toContain("cannot be switched off");
    expect((await oneClick(token)).status).toBe(200);
    expect(await preferences()).toBeNull();
    expect(await events()).toEqual([]);
  });

  it("answers quietly after the erasure of the recipient, and for a type and a recipient that are gone", async () => {
    await api.prisma
      .$executeRaw`UPDATE recipients SET erased_at = now() WHERE id = ${recipientId}::uuid`;
    for (const token of [
      tokenFor(types.news),
      tokenFor(null),
      tokenFor(newUuid(), await findRecipient("u2")),
      tokenFor(null, newUuid()),
    ]) {
      expect((await get(token)).status).toBe(200);
      expect((await oneClick(token)).status).toBe(200);
    }
    expect((await events()).filter(({ type }) => type !== null)).toEqual([]);
  });

  it("does not exist if one character of its token is changed, and changes nothing", async () => {
    const token = tokenFor(types.news);
    for (let place = 0; place < token.length; place++) {
      const other = token[place] === "A" ? "B" : "A";
      const changed = token.slice(0, place) + other + token.slice(place + 1);
      expect((await oneClick(changed)).status).toBe(404);
      expect((await get(changed)).status).toBe(404);
    }
    expect(await preferences()).toBeNull();
  });

  it("stops what waits for the recipient", async () => {
    await api.send("PATCH", `/v1/recipients/${publicId("recipient", recipientId)}/preferences`, {
      quietHours: [{ start: "00:00", end: "24:00" }],
    });
    const { body } = await api.send("POST", "/v1/notifications", {
      recipients: [publicId("recipient", recipientId)],
      template: { key: sampleTemplate.key },
      data: { order: "A-17" },
      type: "team.news",
    });
    const notificationId = parsePublicId("notification", body.id)!;
    await api.prisma.openDelivery.updateMany({
      where: { notificationId },
      data: { reason: "quiet_hours", dueAt: new Date(Date.now() + 3_600_000) },
    });
    await oneClick(tokenFor(types.news));
    const waiting = await api.prisma.openDelivery.findMany({ where: { notificationId } });
    expect(waiting[0]!.dueAt.getTime()).toBeLessThanOrEqual(Date.now() + 1_000);
  });
});

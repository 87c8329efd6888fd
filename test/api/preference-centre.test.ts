import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parsePublicId, publicId } from "../../domain/ids.ts";
import { createPreferenceTokens } from "../../domain/preference-links.ts";
import { consentTextVersion } from "../../domain/consent.ts";
import { createUnsubscribeTokens } from "../../domain/unsubscribing.ts";
import { newUuid } from "../../domain/ids.ts";
import { type Api, makeKey, sampleTemplate, seed, startApi, tokenSecret } from "./harness.ts";

let api: Api;
/** What the clock of the API is ahead of this machine's. */
let aheadMs = 0;
let turn = 0;
let recipientId: string;
let token: string;
const dayMs = 86_400_000;
const now = () => new Date(Date.now() + aheadMs);
const tokens = createPreferenceTokens([tokenSecret]);

beforeAll(async () => {
  api = await startApi({ clock: now });
  await seed(api, 40);
  const types = [
    {
      key: "my.deadline",
      name: "Internal deadline name",
      channels: ["email", "push", "sms"],
      public: {
        name: "Deadlines <soon>",
        description: "A day before",
        group: "Your tasks",
        locales: { de: { name: "Fristen", group: "Ihre Aufgaben" } },
      },
    },
    { key: "news", name: "News", channels: ["email"] },
    { key: "hidden", name: "Hidden kind", public: { isListed: false } },
    {
      key: "security",
      name: "Security",
      mandatory: true,
      public: { mandatoryReason: "We have to tell you of sign-ins." },
    },
  ];
  for (const type of types) await api.send("POST", "/v1/notification-types", type);
});
beforeEach(async () => {
  aheadMs = 0;
  // The limit on uses counts for each recipient.
  ({ id: recipientId } = await api.prisma.recipient.findUniqueOrThrow({
    where: { externalId: `u${(turn++).toString()}` },
  }));
  token = tokens.sign({ recipientId, epoch: 0, madeAt: now() });
});
afterAll(() => api.stop());

const browser = { accept: "text/html", "accept-language": "en" };
async function get(path: string, method = "GET") {
  const response = await api.app.request(path, { method, headers: browser });
  return {
    status: response.status,
    headers: response.headers,
    text: (await response.text()).replaceAll(/\s+/g, " "),
  };
}
async function post(path: string, fields: Record<string, string | string[]> | [string, string][]) {
  const pairs = Array.isArray(fields)
    ? fields
    : Object.entries(fields).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
  const response = await api.app.request(path, {
    method: "POST",
    headers: { ...browser, "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams(pairs as [string, string][]).toString(),
  });
  return {
    status: response.status,
    headers: response.headers,
    text: (await response.text()).replaceAll(/\s+/g, " "),
  };
}
const stored = () => api.prisma.recipient.findUniqueOrThrow({ where: { id: recipientId } });
const preferences = async () => (await stored()).preferences;
const version = async () => String((await stored()).preferencesVersion);
/** Saves a section as the page of now does. */
const save = async (section: string, fields: Record<string, string | string[]>) =>
  post(`/p/${token}`, { section, version: await version(), ...fields });
const reference = () => publicId("recipient", recipientId);
/** The newest entries of the audit trail about the recipient, with their actors. */
async function audited() {
  const { body } = await api.send("GET", `/v1/audit?resource=${reference()}&limit=10`);
  return (body.items as { action: string; actor: string }[]).map(({ action, actor }) => [
    action,
    actor,
  ]);
}
const often = {
  "digest.mode": "immediate",
  "digest.time": "08:00",
  "digest.weekday": "monday",
  "batching.enabled": "on",
  "batching.maximumSize": "5",
  "batching.windowMinutes": "30",
  maxPerHour: "10",
  minimumPriority: "low",
};

describe("the page", () => {
  it("shows types by their public names in the recipient's language, and changes nothing however often it is read", async () => {
    const { text, headers } = await get(`/p/${token}`);
    expect(text).toContain("Deadlines &lt;soon&gt;");
    expect(text).toContain("Your tasks");
    expect(text).toContain("We have to tell you of sign-ins.");
    expect(text).not.toMatch(/Internal deadline name|Hidden kind/);
    expect(text).not.toContain("u0@example.org");
    expect(Object.fromEntries(headers)).toMatchObject({
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "x-robots-tag": "noindex",
      "content-security-policy": expect.stringContaining("default-src 'none'; script-src 'self'"),
    });
    for (let time = 0; time < 50; time += 1) {
      await get(`/p/${token}`);
      await get(`/p/${token}`, "HEAD");
    }
    expect(await stored()).toMatchObject({ preferences: null, preferencesVersion: 0, version: 1 });
    await api.prisma
      .$executeRaw`UPDATE recipients SET locale = 'de-AT' WHERE id = ${recipientId}::uuid`;
    aheadMs = 61_000;
    expect((await get(`/p/${token}`)).text).toMatch(/<html lang="de">[^]*Ihre Aufgaben[^]*Fristen/);
    const mine = await api.send("GET", `/v1/recipients/${reference()}/preferences`);
    expect(mine.body.types).toContainEqual(
      expect.objectContaining({
        key: "my.deadline",
        shown: {
          name: "Fristen",
          description: "A day before",
          group: "Ihre Aufgaben",
          mandatoryReason: null,
          isListed: true,
        },
      }),
    );
  });

  it("says what is the recipient's choice, and leaves it to the organisation again", async () => {
    await save("often", { ...often, maxPerHour: "3" });
    expect(await preferences()).toEqual({ maxPerHour: 3 });
    const { text } = await get(`/p/${token}`);
    expect(text.match(/Your choice/g)).toHaveLength(1);
    expect(text).toContain('name="reset" value="maxPerHour"');
    expect(text).toContain("Set by Example");
    await save("often", { ...often, maxPerHour: "3", reset: "maxPerHour" });
    expect(await preferences()).toEqual({});
  });
});

describe("each section", () => {
  it("saves types by channel, and leaves what it did not show and mandatory types as they are", async () => {
    const known = ["my.deadline", "news", "security"];
    const saved = await save("types", { known, on: ["push my.deadline"] });
    for (const part of saved.text.split("<form").slice(1)) expect(part).toContain("</form>");
    expect(await preferences()).toEqual({
      types: { "my.deadline": { email: false }, news: false },
    });
    await save("types", { known, on: [] });
    expect(await preferences()).toEqual({
      types: { "my.deadline": { email: false, push: false }, news: false },
    });
    await save("types", {
      known: ["my.deadline"],
      on: ["email my.deadline", "push my.deadline"],
    });
    expect(await preferences()).toEqual({ types: { news: false } });
    await save("types", { known: ["news"], on: [], reset: "types/news" });
    expect(await preferences()).toEqual({});
  });

  it("saves channels, how often, and smart features", async () => {
    await save("channels", { "channels.email": "on" });
    await save("often", {
      "digest.mode": "weekly",
      "digest.time": "18:45",
      "digest.weekday": "friday",
      "batching.maximumSize": "20",
      "batching.windowMinutes": "120",
      maxPerHour: "7",
      minimumPriority: "high",
    });
    const before = await api.send("GET", `/v1/recipients/${reference()}/preferences`);
    expect(before.body.preferences).toEqual({
      channels: { push: false, in_app: false },
      digest: { mode: "weekly", time: "18:45", weekday: "friday" },
      batching: { enabled: false, maximumSize: 20, windowMinutes: 120 },
      maxPerHour: 7,
      minimumPriority: "high",
    });
    const { intelligentTiming, learning } = before.body.effective;
    await save("smart", {
      ...(!intelligentTiming.value && { intelligentTiming: "on" }),
      ...(!learning.value && { learning: "on" }),
    });
    expect(await preferences()).toMatchObject({
      intelligentTiming: !intelligentTiming.value,
      learning: !learning.value,
    });
  });

  it("lets opens and clicks be refused, and takes that back", async () => {
    const { text } = await get(`/p/${token}`);
    expect(text).toContain("Example notes when you open them");
    expect(text).toMatch(/name="tracking.opens" checked[^]*name="tracking.clicks" checked/);
    const refused = await save("tracking", { "tracking.clicks": "on" });
    expect(await preferences()).toEqual({ tracking: { opens: false } });
    expect(refused.text).toMatch(/name="tracking.opens" \/>[^]*name="tracking.clicks" checked/);
    await save("tracking", { "tracking.clicks": "on" });
    expect(await version()).toBe("1");
    await save("tracking", { "tracking.opens": "on", "tracking.clicks": "on" });
    expect(await preferences()).toEqual({});
  });

  it("subscribes to public topics and leaves any, once however often it is pressed, and shows no others", async () => {
    const topics = [
      { key: "letters", name: "Letters <b>", isPublic: true, publicNames: { de: "Briefe" } },
      { key: "internal", name: "Internal topic", optIn: "single" },
      { key: "secret", name: "Secret topic" },
    ];
    for (const topic of topics) await api.send("POST", "/v1/topics", topic);
    const mine = async () =>
      (await api.send("GET", `/v1/recipients/${reference()}/topics`)).body.items.map(
        ({ key, status }: { key: string; status: string | null }) => `${key} ${status}`,
      );
    await api.send("PUT", `/v1/topics/internal/subscribers/${reference()}`, {});
    const before = await get(`/p/${token}`);
    expect(before.text).toMatch(
      /Internal topic.*Subscribed since.*Letters &lt;b&gt;.*Not subscribed/,
    );
    expect(before.text).not.toContain("Secret topic");
    const press = (topic: string, wanted: string) =>
      post(`/p/${token}`, { section: "topics", topic, wanted });
    for (let time = 0; time < 3; time += 1)
      expect((await press("letters", "subscribed")).text).toContain(
        "You are subscribed to “Letters &lt;b&gt;”.",
      );
    await press("internal", "unsubscribed");
    await press("internal", "unsubscribed");
    expect(await mine()).toEqual(["internal unsubscribed", "letters subscribed"]);
    for (const [topic, wanted] of [
      ["internal", "subscribed"],
      ["secret", "subscribed"],
      ["secret", "unsubscribed"],
      ["letters", "anything"],
    ] as const)
      expect((await press(topic, wanted)).status).toBe(422);
    expect((await get(`/p/${token}`)).text).not.toContain("Internal topic");
    const entries = await api.prisma.consentEntry.findMany({
      where: { recipientId, way: "recipient" },
      orderBy: { id: "asc" },
    });
    expect(entries).toMatchObject([
      {
        step: "subscribed",
        source: "https://tidings.example.org/p",
        locale: "en",
        textVersion: consentTextVersion,
      },
      { step: "unsubscribed", actor: null },
    ]);
    // What was asked for elsewhere is confirmed here: the link was sent to the recipient.
    await press("letters", "unsubscribed");
    await api.send("PUT", `/v1/topics/letters/subscribers/${reference()}`, {});
    expect((await get(`/p/${token}`)).text).toMatch(/Not confirmed yet.*Confirm: Letters/);
    await press("letters", "subscribed");
    expect(await mine()).toContain("letters subscribed");
  });

  it("saves quiet hours and do-not-disturb with their switches, copies to weekdays and removes", async () => {
    await save("quiet", {
      quietHoursEnabled: "on",
      "quiet.0.from": "22:00",
      "quiet.0.to": "07:00",
      "quiet.1.from": "",
      "quiet.1.to": "",
    });
    await save("dnd", {
      "dnd.0.day": "saturday",
      "dnd.0.from": "00:00",
      "dnd.0.to": "00:00",
      "dnd.1.day": "monday",
      "dnd.1.from": "12:10",
      "dnd.1.to": "13:00",
      "dnd.1.copy": "on",
      "dnd.2.day": "sunday",
      "dnd.2.from": "09:00",
      "dnd.2.to": "10:00",
      "dnd.2.remove": "on",
    });
    const noon = { start: "12:10", end: "13:00" };
    const periods = [
      { weekday: "saturday", start: "00:00", end: "24:00" },
      ...["monday", "tuesday", "wednesday", "thursday", "friday"].map((weekday) => ({
        weekday,
        ...noon,
      })),
    ];
    expect(await preferences()).toEqual({
      quietHours: [{ start: "22:00", end: "07:00" }],
      doNotDisturb: periods,
      doNotDisturbEnabled: false,
    });
    const page = (await get(`/p/${token}`)).text;
    expect(page).toContain('name="dnd.5.from" value="12:10"');
    expect(page).toContain('name="dnd.6.from" value=""');
  });

  it("saves the time zone and the language", async () => {
    expect((await save("place", { timeZone: "Europe/Berlin", locale: "fr" })).text).toContain(
      'lang="fr"',
    );
    expect(await stored()).toMatchObject({
      timeZone: "Europe/Berlin",
      locale: "fr",
      externalId: `u${turn - 1}`,
    });
    const refused = await save("place", { timeZone: "Mars/Base", locale: "x y" });
    expect([refused.status, refused.text.match(/class="error"/g)?.length]).toEqual([422, 2]);
    expect(await stored()).toMatchObject({ timeZone: "Europe/Berlin", locale: "fr" });
  });

  it("pauses everything until tomorrow at eight in the recipient's zone, and ends it", async () => {
    await save("place", { timeZone: "Asia/Tokyo", locale: "en" });
    expect((await save("pause", { pause: "tomorrow" })).text).toContain("Paused until");
    const { pausedUntil } = (await preferences()) as { pausedUntil: string };
    expect(pausedUntil).toMatch(/T23:00:00.000Z$/);
    const ahead = Date.parse(pausedUntil) - Date.now();
    expect([ahead > 0, ahead <= 32 * 3_600_000]).toEqual([true, true]);
    await save("pause", { pause: "month" });
    await save("pause", { pause: "end" });
    expect(await preferences()).toEqual({});
  });

  it("stops all email and takes that back, and forgets what was learnt", async () => {
    await api.prisma
      .$executeRaw`UPDATE recipients SET engaged_hours = '{0,3}' WHERE id = ${recipientId}::uuid`;
    expect((await get(`/p/${token}`)).text).toContain("3 openings");
    expect((await save("all", { all: "stop" })).text).toContain("Get emails again");
    expect(await api.prisma.suppression.count()).toBe(1);
    expect((await save("all", { all: "resume" })).text).toContain("Stop all emails");
    expect(await api.prisma.suppression.count()).toBe(0);
    for (let time = 0; time < 2; time += 1) await save("smart", { forget: "yes" });
    expect(await audited()).toEqual([["recipient.forget_hours", "recipient"]]);
    expect((await stored()).engagedHours).toEqual([]);
  });
});

describe("saving", () => {
  it("does nothing more when it is repeated, and can be undone", async () => {
    const fields = { section: "often", version: "0", ...often, maxPerHour: "4" };
    const first = await post(`/p/${token}`, fields);
    expect(first.text).toContain("Saved.");
    for (let time = 0; time < 3; time += 1)
      expect((await post(`/p/${token}`, fields)).status).toBe(200);
    expect(await version()).toBe("1");
    // A form within a form is not sent.
    for (const part of first.text.split("<form").slice(1, -1)) expect(part).toContain("</form>");
    const undo = /name="undo" value="([^"]+)"/.exec(first.text)![1]!.replaceAll("&quot;", '"');
    expect((await save("often", { undo })).status).toBe(200);
    expect([await preferences(), await version()]).toEqual([{}, "2"]);
    expect((await save("often", { undo: "{" })).status).toBe(422);
  });

  it("saves nothing over a change from elsewhere, and keeps what was entered", async () => {
    await save("often", { ...often, maxPerHour: "4" });
    const late = await post(`/p/${token}`, {
      section: "often",
      version: "0",
      ...often,
      maxPerHour: "6",
    });
    expect(late.status).toBe(409);
    expect(late.text).toMatch(/changed elsewhere[^]*name="maxPerHour" value="6"/);
    expect(await preferences()).toEqual({ maxPerHour: 4 });
    const shown = /name="version" value="(\d+)"/.exec(late.text)![1]!;
    await post(`/p/${token}`, { section: "often", version: shown, ...often, maxPerHour: "6" });
    expect(await preferences()).toEqual({ maxPerHour: 6 });
  });

  it("shows faults at their fields, and keeps what was entered", async () => {
    const faulty = {
      ...often,
      maxPerHour: "0",
      "digest.time": "08:10",
      "batching.maximumSize": "21",
    };
    const page = await save("often", faulty);
    expect(page.status).toBe(422);
    expect(page.text).toMatch(/value="21"[^>]*aria-invalid="true"/);
    expect(page.text).toContain("Enter a whole number from 2 to 20.");
    expect(page.text.match(/class="error"/g)).toHaveLength(3);
    const half = await save("quiet", {
      quietHoursEnabled: "on",
      "quiet.0.from": "22:00",
      "quiet.0.to": "",
    });
    expect([half.status, half.text.includes("Enter a start and an end.")]).toEqual([422, true]);
    const many = Object.fromEntries(
      Array.from({ length: 5 }, (_, at) => [
        [`quiet.${at}.from`, `0${at}:00`],
        [`quiet.${at}.to`, `0${at}:30`],
      ]).flat(),
    );
    expect((await save("quiet", many)).text).toContain("At most 4 periods");
    expect(await preferences()).toBeNull();
    expect((await post(`/p/${token}`, { section: "nothing" })).status).toBe(422);
    const json = await api.app.request(`/p/${token}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    expect(json.status).toBe(415);
  });

  it("decides waiting messages again, and lists them with why they wait", async () => {
    await save("quiet", {
      quietHoursEnabled: "on",
      "quiet.0.from": "00:00",
      "quiet.0.to": "00:00",
    });
    const { body } = await api.send("POST", "/v1/notifications", {
      recipients: [reference()],
      template: { key: sampleTemplate.key },
      data: { order: "A-17" },
      type: "my.deadline",
    });
    await api.prisma.openDelivery.updateMany({
      where: { notificationId: parsePublicId("notification", body.id)! },
      data: { reason: "quiet_hours", dueAt: new Date(Date.now() + 3_600_000) },
    });
    expect((await get(`/p/${token}`)).text).toMatch(
      /Deadlines &lt;soon&gt; · Email[^]*waits for the end of your quiet time/,
    );
    const done = await save("quiet", {});
    expect(done.text).toContain("One waiting message is checked again now");
    const row = await api.prisma.openDelivery.findFirstOrThrow({ where: { recipientId } });
    expect(row.dueAt.getTime()).toBeLessThanOrEqual(Date.now() + 1_000);
  });

  it("shows a night of quiet hours as long as it is when the clocks change", async () => {
    await save("place", { timeZone: "Europe/Berlin", locale: "en" });
    await save("quiet", {
      quietHoursEnabled: "on",
      "quiet.0.from": "22:00",
      "quiet.0.to": "07:00",
    });
    // The clocks are set forward in the night to 28 March 2027, and back in the one to 31 October.
    for (const [at, text] of [
      [
        "2027-03-27T12:00:00Z",
        "from Saturday March 27 at 22:00 to Sunday March 28 at 07:00, 8 hours",
      ],
      [
        "2027-10-30T12:00:00Z",
        "from Saturday October 30 at 22:00 to Sunday October 31 at 07:00, 10 hours",
      ],
    ] as const) {
      aheadMs = Date.parse(at) - Date.now();
      token = tokens.sign({ recipientId, epoch: 0, madeAt: now() });
      const page = (await get(`/p/${token}`)).text;
      expect(/wait next (from .*? hours)/.exec(page)?.[1]?.replaceAll(",", "")).toBe(
        text.replaceAll(",", ""),
      );
    }
  });
});

describe("a link", () => {
  it("is worth nothing once one character of it is changed, or if it was made for something else", async () => {
    const other = createUnsubscribeTokens([tokenSecret]);
    const message = { delivery: newUuid() };
    const changed = Array.from(
      token,
      (letter, at) => token.slice(0, at) + (letter === "A" ? "B" : "A") + token.slice(at + 1),
    );
    for (const wrong of [
      ...changed.filter((_, at) => at % 5 === 0),
      other.sign({ recipientId, typeId: null, topicId: null, message }),
    ]) {
      expect((await get(`/p/${wrong}`)).status).toBe(404);
      expect((await post(`/p/${wrong}`, { section: "pause", pause: "hour" })).status).toBe(404);
    }
    expect((await post(`/u/${token}`, {})).status).toBe(404);
    const unknown = tokens.sign({ recipientId: newUuid(), epoch: 0, madeAt: now() });
    expect((await get(`/p/${unknown}`)).status).toBe(410);
    expect(await preferences()).toBeNull();
  });

  it("ends after 90 days and when links are revoked, and offers a new one", async () => {
    aheadMs = 91 * dayMs;
    const expired = await get(`/p/${token}`);
    expect([expired.status, expired.text.includes('action="../p"')]).toEqual([410, true]);
    expect((await post(`/p/${token}`, { section: "pause", pause: "hour" })).status).toBe(410);
    aheadMs = 0;
    await api.send("POST", `/v1/recipients/${reference()}/revoke-links`);
    expect((await get(`/p/${token}`)).status).toBe(410);
    expect(await preferences()).toBeNull();
  });

  it("downloads and erases only within a day, and then answers quietly", async () => {
    aheadMs = 2 * dayMs;
    expect((await get(`/p/${token}`)).text).toContain("ask for a link for it");
    for (const path of ["export", "erasure"]) {
      const refused = await get(`/p/${token}/${path}`);
      // The page asks for a new link at once.
      expect([refused.status, refused.text.includes('action="../../p"')]).toEqual([403, true]);
    }
    expect((await post(`/p/${token}/erasure`, {})).status).toBe(403);
    aheadMs = 0;
    await save("pause", { pause: "hour" });
    const file = await get(`/p/${token}/export`);
    expect(file.headers.get("content-disposition")).toContain("attachment");
    expect(JSON.parse(file.text)).toMatchObject({
      recipient: { id: reference(), email: `u${turn - 1}@example.org` },
      preferences: { pausedUntil: expect.any(String) },
      devices: [],
      messages: [],
    });
    expect((await audited())[0]).toEqual(["recipient.export", "recipient"]);
    expect((await get(`/p/${token}/erasure`)).text).toContain("Erase everything");
    expect((await stored()).erasedAt).toBeNull();
    expect((await post(`/p/${token}/erasure`, {})).text).toContain("Your data was erased");
    expect(await stored()).toMatchObject({
      email: null,
      preferences: null,
      erasedAt: expect.any(Date),
    });
    for (const path of ["", "/export", "/erasure"]) {
      const gone = await get(`/p/${token}${path}`);
      expect([gone.status, gone.text.includes("Your data was erased")]).toEqual([410, true]);
    }
    const audit = await api.send("GET", `/v1/audit?resource=${reference()}&limit=10`);
    expect(audit.body.items[0]).toMatchObject({
      action: "recipient.erase",
      actor: "recipient",
      address: null,
    });
  });
});

describe("asking for a link", () => {
  const sent = async () =>
    (
      await api.prisma.openDelivery.findMany({ where: { recipientId }, orderBy: { id: "asc" } })
    ).map(({ channel, priority }) => [channel, priority]);

  it("answers the same for every address, and sends one critical email in ten minutes", async () => {
    const ask = (email: string) => post("/p", { email });
    const known = await ask(`U${turn - 1}@EXAMPLE.org`);
    const unknown = await ask("nobody@example.org");
    expect([known.status, known.text]).toEqual([200, unknown.text]);
    await expect.poll(sent).toEqual([["email", "critical"]]);
    await ask(`u${turn - 1}@example.org`);
    await save("all", { all: "link" });
    expect(await sent()).toHaveLength(1);
    expect((await get("/p")).text).toContain('type="email"');
    const refused = await ask("no address");
    expect([
      refused.status,
      refused.text.includes('value="no address" aria-invalid="true"'),
    ]).toEqual([422, true]);
    const statuses = await Promise.all(Array.from({ length: 10 }, () => ask("nobody@example.org")));
    expect(statuses.at(-1)!.status).toBe(429);
    expect(api.logged.join("")).not.toContain("nobody@example.org");
  });

  it("sends five emails in 24 hours, and answers alike after that", async () => {
    const times = Array.from({ length: 7 }, (_, time) => time * 11 * 60_000);
    for (const [asked, at] of [...times, dayMs + 60_000].entries()) {
      aheadMs = at;
      const { text } = await save("all", { all: "link" });
      expect(text).toContain("on its way");
      expect(await sent()).toHaveLength(asked === times.length ? 6 : Math.min(asked + 1, 5));
    }
  });

  it("is offered where somebody unsubscribes, whose link has no other authority", async () => {
    const unsubscribe = createUnsubscribeTokens([tokenSecret]).sign({
      recipientId,
      typeId: null,
      topicId: null,
      message: { delivery: newUuid() },
    });
    expect((await get(`/u/${unsubscribe}`)).text).toContain("choice=link");
    const page = await post(`/u/${unsubscribe}?choice=link`, {});
    expect([page.status, page.text.includes("on its way")]).toEqual([200, true]);
    expect(await sent()).toEqual([["email", "critical"]]);
    expect(await api.prisma.suppression.count()).toBe(0);
  });

  it("is possible for a sender, whose request is audited", async () => {
    const made = await api.send("POST", `/v1/recipients/${reference()}/preference-links`);
    expect([made.status, made.body.url]).toEqual([
      201,
      expect.stringContaining("https://tidings.example.org/p/"),
    ]);
    const { pathname } = new URL(made.body.url);
    expect((await get(pathname)).status).toBe(200);
    expect((await get(`${pathname}/export`)).status).toBe(200);
    expect((await audited()).map(([action]) => action)).toEqual([
      "recipient.export",
      "preferences.issue_link",
    ]);
  });

  it("does not let a sender download or erase what only an admin may", async () => {
    const { secret } = await makeKey(api, { role: "sender" });
    const path = `/v1/recipients/${reference()}/preference-links`;
    const made = await api.send("POST", path, undefined, { authorization: `Bearer ${secret}` });
    const { pathname } = new URL(made.body.url);
    expect((await get(pathname)).status).toBe(200);
    expect((await get(`${pathname}/export`)).status).toBe(403);
    expect((await get(`${pathname}/erasure`, "POST")).status).toBe(403);
  });
});

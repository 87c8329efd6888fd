import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parsePublicId } from "../../domain/ids.ts";
import { type Api, makeKey, sampleTemplate, seed, startApi } from "./harness.ts";

let api: Api;
let sender: { id: string; secret: string };
/** `first` to ten recipients, `second` critical to u0, `third` of another template and key to u1. */
const ids: Record<"first" | "second" | "third", string> = { first: "", second: "", third: "" };
let campaign: string;
let between: string;

beforeAll(async () => {
  api = await startApi();
  await seed(api, 10);
  sender = await makeKey(api, { role: "sender" });
  await api.send("POST", "/v1/templates", { ...sampleTemplate, key: "other" });
  ids.first = await notify({ recipients: Array.from({ length: 10 }, (_, i) => `u${i}`) });
  ids.second = await notify({ recipients: ["u0"], priority: "critical" });
  between = (await api.send("GET", `/v1/notifications/${ids.second}`)).body.createdAt;
  ids.third = await notify(
    { recipients: ["u1"], template: { key: "other" } },
    { authorization: `Bearer ${sender.secret}`, "x-request-id": "the-third" },
  );
  campaign = (
    await api.send("POST", "/v1/campaigns", {
      name: "c",
      template: { key: sampleTemplate.key },
      data: { order: "1" },
      audience: { all: true },
    })
  ).body.id;
  await api.prisma.$executeRaw`
    INSERT INTO deliveries (id, campaign_id, recipient_id, channel, priority, queue, status, due_at, reason, finished_at)
    SELECT uuid_v7(clock_timestamp()), ${parsePublicId("campaign", campaign)}::uuid, r.id, 'email', 'low', ${`campaign/${campaign}/lane/0`},
      (CASE WHEN n <= 3 THEN 'failed' WHEN n <= 5 THEN 'suppressed' WHEN n = 6 THEN 'pending' ELSE 'sent' END)::delivery_status,
      CASE WHEN n = 6 THEN now() END,
      CASE WHEN n <= 3 THEN 'provider_rejected' WHEN n <= 5 THEN 'no_address' END, now()
    FROM (SELECT id, row_number() OVER (ORDER BY external_id) AS n FROM recipients) r`;
  await api.prisma
    .$executeRaw`UPDATE deliveries SET status = 'sent', due_at = NULL, finished_at = now() WHERE notification_id = ${parsePublicId("notification", ids.second)}::uuid`;
});
afterAll(() => api.stop());

async function notify(body: object, headers = {}): Promise<string> {
  const reply = await api.send(
    "POST",
    "/v1/notifications",
    { template: { key: sampleTemplate.key }, data: { order: "1" }, ...body },
    headers,
  );
  expect(reply.status).toBe(202);
  return reply.body.id;
}

interface Item {
  id: string;
  source: string;
  recipient: string;
  status: string;
  reason: string | null;
  createdAt: string;
}

async function listed(path: string): Promise<Item[]> {
  const { status, body } = await api.send("GET", path);
  expect([path, status, body.errors]).toEqual([path, 200, undefined]);
  return body.items;
}

const injections = [
  "'; DROP TABLE deliveries; --",
  "' OR '1'='1",
  "1) OR (1=1",
  "$1",
  "\\'; SELECT pg_sleep(10); --",
  'x"; DELETE FROM recipients; --',
  "%",
];

describe("GET /v1/deliveries", () => {
  it("lists all, the newest first", async () => {
    const items = await listed("/v1/deliveries?limit=200");
    expect(items).toHaveLength(22);
    expect(items.map(({ id }) => id)).toEqual(
      items
        .map(({ id }) => id)
        .toSorted()
        .toReversed(),
    );
    const upwards = await listed("/v1/deliveries?limit=200&sort=createdAt");
    expect(upwards).toEqual(items.toReversed());
  });

  it.each<[string, () => string, (item: Item) => boolean, number]>([
    ["a status", () => "status=failed", ({ status }) => status === "failed", 3],
    [
      "several statuses",
      () => "status=failed,suppressed,pending",
      ({ status }) => ["failed", "suppressed", "pending"].includes(status),
      17,
    ],
    ["a reason", () => "reason=no_address", ({ reason }) => reason === "no_address", 2],
    [
      "several reasons",
      () => "reason=no_address,provider_rejected",
      ({ reason }) => reason !== null,
      5,
    ],
    ["a reason that no such status has", () => "reason=no_address&status=sent", () => false, 0],
    ["a channel", () => "channel=email", () => true, 22],
    ["another channel", () => "channel=sms,push", () => false, 0],
    ["a priority", () => "priority=critical", ({ source }) => source === ids.second, 1],
    ["a campaign", () => `campaign=${campaign}`, ({ source }) => source === campaign, 10],
    [
      "a campaign and a status",
      () => `campaign=${campaign}&status=sent`,
      ({ source, status }) => source === campaign && status === "sent",
      4,
    ],
    ["a notification", () => `notification=${ids.first}`, ({ source }) => source === ids.first, 10],
    ["a recipient", () => "recipient=u1", () => true, 3],
    ["nobody", () => "recipient=nobody", () => false, 0],
    ["a queue", () => `queue=campaign/${campaign}/lane/0`, ({ source }) => source === campaign, 10],
    ["before", () => `createdBefore=${between}`, ({ source }) => source === ids.first, 10],
    ["from", () => `createdFrom=${between}`, ({ source }) => source !== ids.first, 12],
  ])("filters by %s", async (_, query, holds, count) => {
    const items = await listed(`/v1/deliveries?limit=200&${query()}`);
    expect(items).toHaveLength(count);
    expect(items.filter((item) => !holds(item))).toEqual([]);
  });

  it("takes a recipient by either id", async () => {
    const { body } = await api.send("GET", "/v1/recipients/u1");
    const items = await listed(`/v1/deliveries?recipient=${body.id}`);
    expect(items).toEqual(await listed("/v1/deliveries?recipient=u1"));
    expect(items.every(({ recipient }) => recipient === body.id)).toBe(true);
  });

  it.each(["", "&status=sent,pending,failed,suppressed", "&recipient=u3"])(
    "passes over nothing and repeats nothing while rows come and go:%s",
    async (filter) => {
      const before = await listed(`/v1/deliveries?limit=200${filter}`);
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const { body } = await api.send(
          "GET",
          `/v1/deliveries?limit=2${filter}${cursor ? `&cursor=${cursor}` : ""}`,
        );
        seen.push(...body.items.map(({ id }: Item) => id));
        cursor = body.nextCursor;
        const gone = await notify({ recipients: ["u3"] });
        if (seen.length % 4 === 0) continue;
        const id = parsePublicId("notification", gone)!;
        await api.prisma.openDelivery.deleteMany({ where: { notificationId: id } });
        await api.prisma.notification.delete({ where: { id } });
      } while (cursor);
      expect(seen).toEqual(before.map(({ id }) => id));
      const added = (await listed(`/v1/deliveries?limit=200${filter}`)).filter(
        ({ id }) => !seen.includes(id),
      );
      for (const { source } of added) {
        const id = parsePublicId("notification", source)!;
        await api.prisma.openDelivery.deleteMany({ where: { notificationId: id } });
        await api.prisma.notification.delete({ where: { id } });
      }
    },
  );

  it.each([
    "limit=0",
    "limit=201",
    "sort=status",
    "status=lost",
    "status=",
    "reason=bad_luck",
    "channel=pigeon",
    "priority=urgent",
    "campaign=cmp_1",
    "notification=dlv_01jd3v8qyee7fr8xmcsnh5hbcd",
    "recipient=",
    "queue=mailbox",
    "createdFrom=yesterday",
    "cursor=x",
  ])("refuses %s, and names it", async (query) => {
    const { status, body } = await api.send("GET", `/v1/deliveries?${query}`);
    expect([status, body.errors?.[0]]).toMatchObject([
      422,
      { in: "query", field: query.split("=")[0] },
    ]);
  });

  it("takes no text of a caller for SQL", async () => {
    const fields = [
      "status",
      "reason",
      "channel",
      "priority",
      "campaign",
      "notification",
      "queue",
      "createdFrom",
      "cursor",
      "sort",
    ];
    for (const text of injections) {
      for (const field of fields) {
        const path = `/v1/deliveries?${field}=${encodeURIComponent(text)}`;
        expect([path, (await api.send("GET", path)).status]).toEqual([path, 422]);
      }
      expect(await listed(`/v1/deliveries?recipient=${encodeURIComponent(text)}`)).toEqual([]);
    }
    expect(await api.prisma.recipient.count()).toBe(10);
    expect(await listed("/v1/deliveries?limit=200")).toHaveLength(22);
  });
});

describe("GET /v1/campaigns/{id}/deliveries", () => {
  it("lists what of it has one of the statuses", async () => {
    const items = await listed(`/v1/campaigns/${campaign}/deliveries?status=failed,suppressed`);
    expect(items.map(({ status }) => status).toSorted()).toEqual([
      "failed",
      "failed",
      "failed",
      "suppressed",
      "suppressed",
    ]);
    expect(items.every(({ source }) => source === campaign)).toBe(true);
  });
});

describe("GET /v1/notifications", () => {
  it("lists all, the newest first, with how many of each have which status", async () => {
    const items = await listed("/v1/notifications");
    expect(items.map(({ id }) => id)).toEqual([ids.third, ids.second, ids.first]);
    expect(items).toMatchObject([
      { template: { key: "other", version: 1 }, createdBy: sender.id, requestId: "the-third" },
      { priority: "critical", counts: { sent: 1, pending: 0 }, createdBy: "bootstrap" },
      { priority: "normal", counts: { sent: 0, pending: 10 }, test: false },
    ]);
    expect(await listed("/v1/notifications?sort=createdAt")).toEqual(items.toReversed());
  });

  it.each<[string, () => string, (keyof typeof ids)[]]>([
    ["a priority", () => "priority=critical", ["second"]],
    ["several priorities", () => "priority=critical,normal", ["third", "second", "first"]],
    ["a template", () => "template=other", ["third"]],
    ["a template that there is not", () => "template=none", []],
    ["a recipient", () => "recipient=u0", ["second", "first"]],
    ["nobody", () => "recipient=nobody", []],
    ["a key", () => `createdBy=${sender.id}`, ["third"]],
    ["tries of templates", () => "test=true", []],
    ["others than tries", () => "test=false", ["third", "second", "first"]],
    ["what is pending", () => "state=pending", ["third", "first"]],
    ["before", () => `createdBefore=${between}`, ["first"]],
    ["from", () => `createdFrom=${between}`, ["third", "second"]],
    ["all of them", () => `state=pending&recipient=u1&template=other&test=false`, ["third"]],
  ])("filters by %s", async (_, query, expected) => {
    const items = await listed(`/v1/notifications?${query()}`);
    expect(items.map(({ id }) => id)).toEqual(expected.map((name) => ids[name]));
  });

  it("goes on from a cursor", async () => {
    const { body: first } = await api.send("GET", "/v1/notifications?limit=2");
    const late = await notify({ recipients: ["u5"] });
    const { body: second } = await api.send(
      "GET",
      `/v1/notifications?limit=2&cursor=${first.nextCursor}`,
    );
    expect(second).toMatchObject({ items: [{ id: ids.first }], nextCursor: null });
    const id = parsePublicId("notification", late)!;
    await api.prisma.openDelivery.deleteMany({ where: { notificationId: id } });
    await api.prisma.notification.delete({ where: { id } });
  });

  it("takes no text of a caller for SQL", async () => {
    for (const text of injections) {
      const path = (field: string) => `/v1/notifications?${field}=${encodeURIComponent(text)}`;
      for (const field of ["priority", "template", "test", "state", "createdBefore"])
        expect([field, (await api.send("GET", path(field))).status]).toEqual([field, 422]);
      for (const field of ["recipient", "createdBy"]) expect(await listed(path(field))).toEqual([]);
    }
    expect(await listed("/v1/notifications")).toHaveLength(3);
  });
});

describe("GET /v1/notifications/{id}", () => {
  it("shows the key and the id of its request", async () => {
    expect((await api.send("GET", `/v1/notifications/${ids.third}`)).body).toMatchObject({
      createdBy: sender.id,
      requestId: "the-third",
      test: false,
      data: { order: "1" },
      counts: { pending: 1 },
      deliveries: [{ status: "pending", source: ids.third }],
    });
  });
});

describe("GET /v1/deliveries/{id}", () => {
  it("says which version of a template is sent", async () => {
    const [ofNotification] = await listed(`/v1/deliveries?notification=${ids.third}`);
    expect((await api.send("GET", `/v1/deliveries/${ofNotification!.id}`)).body).toMatchObject({
      templateVersion: { key: "other", version: 1 },
    });
  });

  it("says of a campaign's what it said when it was claimed", async () => {
    const [delivery] = await listed(`/v1/deliveries?campaign=${campaign}&status=sent`);
    const shown = async () =>
      (await api.send("GET", `/v1/deliveries/${delivery!.id}`)).body.templateVersion;
    expect(await shown()).toBeNull();
    const id = parsePublicId("delivery", delivery!.id)!;
    await api.prisma.endedDelivery.update({ where: { id }, data: { revision: 1 } });
    expect(await shown()).toEqual({ key: sampleTemplate.key, version: 1 });
    // As an edit of the running campaign leaves it.
    const campaignId = parsePublicId("campaign", campaign)!;
    const { templateVersionId } = await api.prisma.campaign.findUniqueOrThrow({
      where: { id: campaignId },
    });
    const other = await api.prisma.templateVersion.findFirstOrThrow({
      where: { template: { key: "other" } },
    });
    await api.prisma.campaignRevision.create({
      data: { campaignId, revision: 1, templateVersionId, data: {} },
    });
    await api.prisma.campaign.update({
      where: { id: campaignId },
      data: { revision: 2, templateVersionId: other.id },
    });
    expect(await shown()).toEqual({ key: sampleTemplate.key, version: 1 });
    await api.prisma.endedDelivery.update({ where: { id }, data: { revision: 2 } });
    expect(await shown()).toEqual({ key: "other", version: 1 });
  });
});

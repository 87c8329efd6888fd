import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parsePublicId } from "../../domain/ids.ts";
import { createCampaignWorker } from "../support/campaign-worker.ts";
import { type Api, makeKey, type Reply, sampleTemplate, seed, startApi } from "./harness.ts";

/** More than a worker claims ahead. */
const people = 400;
const other = { ...sampleTemplate, key: "other" };

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, people);
  await api.send("POST", "/v1/templates", other);
});
afterAll(() => api.stop());
beforeEach(() => void (api.woken.length = 0));

const later = "2090-05-01T08:00:00.000Z";

async function create(part: object = {}): Promise<string> {
  const { status, body } = await api.send("POST", "/v1/campaigns", {
    name: "Spring",
    template: { key: sampleTemplate.key },
    audience: { all: true },
    data: { order: "1" },
    ...part,
  });
  expect(status).toBe(201);
  return body.id;
}
const act = (id: string, action: string) => api.send("POST", `/v1/campaigns/${id}/${action}`);
const read = (id: string) => api.send("GET", `/v1/campaigns/${id}`);

async function edit(id: string, change: object, ifMatch?: string): Promise<Reply> {
  const etag = ifMatch ?? (await read(id)).headers.get("etag")!;
  return api.send("PATCH", `/v1/campaigns/${id}`, change, { "if-match": etag });
}
const preview = (id: string, change: object, headers?: Record<string, string>) =>
  api.send("PATCH", `/v1/campaigns/${id}?dryRun=true`, change, headers);

/** Started and frozen, with nothing sent yet. */
async function running(part: object = {}, worker = createCampaignWorker(api.pool)) {
  const id = await create(part);
  await act(id, "start");
  const step = await worker.advance(id);
  if (step.next !== "drain") throw new Error(`it ${step.next}s`);
  return { id, worker, lanes: step.lanes };
}

describe("an edit of a campaign that has not begun", () => {
  it("changes any field, and wakes its workflow unless it is a draft", async () => {
    const id = await create({ throttle: { perSecond: 5 } });
    const change = {
      name: "Summer",
      template: { key: "other", version: 1 },
      audience: { where: { attribute: "even", equals: true } },
      data: { order: "2" },
      priority: "low",
      guarantee: "at_most_once",
      throttle: null,
    };
    const edited = await edit(id, change);
    expect(edited.status).toBe(200);
    expect(edited.body).toMatchObject({ ...change, status: "draft", revision: 1 });
    // A change answers without the numbers of deliveries.
    const { counts: _, ...fields } = (await read(id)).body;
    expect(edited.body).toEqual({ ...fields, inFlight: 0 });
    expect(edited.headers.get("etag")).toBe((await read(id)).headers.get("etag"));
    expect(api.woken).toEqual([]);

    const scheduled = await edit(id, { startAt: later, throttle: { perSecond: 2 } });
    expect(scheduled.body).toMatchObject({
      status: "scheduled",
      startAt: later,
      throttle: { perSecond: 2, burst: 1 },
    });
    await act(id, "pause");
    const moved = await edit(id, { startAt: "2091-01-01T00:00:00Z" });
    expect(moved.body).toMatchObject({ status: "paused", startAt: "2091-01-01T00:00:00.000Z" });
    expect(api.woken).toEqual([id, id, id]);
  });

  it("keeps fields that it does not name, and changes nothing if all fields already have their values", async () => {
    const id = await create({ throttle: { perSecond: 5 }, priority: "high" });
    const before = await read(id);
    const { counts: _, ...fields } = before.body;
    const { template, audience, data } = fields;
    const same = await edit(id, { name: "Spring", template, audience, data });
    expect(same.body).toEqual({ ...fields, inFlight: 0 });
    expect(same.headers.get("etag")).toBe(before.headers.get("etag"));
    const renamed = await edit(id, { name: "Summer" });
    expect(renamed.body).toEqual({
      ...fields,
      inFlight: 0,
      name: "Summer",
      updatedAt: renamed.body.updatedAt,
    });
    expect(renamed.headers.get("etag")).not.toBe(before.headers.get("etag"));
  });

  it("takes the version that is active now where none is named", async () => {
    await api.send("POST", "/v1/templates", { ...sampleTemplate, key: "moving" });
    const id = await create({ template: { key: "moving" } });
    await api.send("POST", "/v1/templates/moving/versions", {
      content: sampleTemplate.content,
      variables: sampleTemplate.variables,
    });
    await api.prisma.template.update({ where: { key: "moving" }, data: { activeVersion: 2 } });
    expect((await edit(id, { template: { key: "moving" } })).body.template.version).toBe(2);
  });

  it("may change its data though its template has been archived since", async () => {
    await api.send("POST", "/v1/templates", { ...sampleTemplate, key: "old" });
    const id = await create({ template: { key: "old" } });
    await api.prisma.template.update({ where: { key: "old" }, data: { archivedAt: new Date() } });
    expect((await edit(id, { data: { order: "2" } })).status).toBe(200);
    expect((await edit(id, { template: { key: "other" } })).status).toBe(200);
    expect((await edit(id, { template: { key: "old", version: 1 } })).status).toBe(422);
  });

  it.each([
    [{ data: {} }, "/data/order"],
    [{ template: { key: "nobody" } }, "/template/key"],
    [{ template: { key: "other", version: 9 } }, "/template"],
    [{ audience: { include: ["nobody"] } }, "/audience/include/0"],
    [{ name: "" }, "/name"],
    [{ status: "completed" }, "/status"],
    [{ startAt: null }, "/startAt"],
    [{ priority: "'; DROP TABLE campaigns; --" }, "/priority"],
  ])("refuses %j", async (change, field) => {
    const id = await create();
    const before = await read(id);
    const reply = await edit(id, change);
    expect([reply.status, reply.body.errors[0].field]).toEqual([422, field]);
    expect((await read(id)).body).toEqual(before.body);
  });

  it("says what it is a change of", async () => {
    const id = await create();
    const etag = (await read(id)).headers.get("etag")!;
    expect((await api.send("PATCH", `/v1/campaigns/${id}`, { name: "x" })).status).toBe(428);
    await edit(id, { name: "Summer" }, etag);
    const stale = await edit(id, { name: "Winter" }, etag);
    expect(stale.status).toBe(412);
    expect((await edit(id, { name: "Winter" }, stale.headers.get("etag")!)).status).toBe(200);
  });

  it("does not go over a freeze that came between", async () => {
    const id = await create();
    const started = await act(id, "start");
    await createCampaignWorker(api.pool).advance(id);
    const etag = started.headers.get("etag")!;
    expect((await edit(id, { audience: { all: true } }, etag)).status).toBe(412);
  });

  it("is not for viewers, and not of what nobody knows", async () => {
    const { secret } = await makeKey(api, { role: "viewer" });
    const headers = { authorization: `Bearer ${secret}`, "if-match": "*" };
    const id = await create();
    expect((await api.send("PATCH", `/v1/campaigns/${id}`, { name: "x" }, headers)).status).toBe(
      403,
    );
    expect((await preview(id, { name: "x" }, headers)).status).toBe(403);
    const unknown = "cmp_01jd3v8qyee7fr8xmcsnh5hbcd";
    expect((await edit(unknown, { name: "x" }, "*")).status).toBe(404);
    expect((await preview(unknown, { name: "x" })).status).toBe(404);
  });
});

describe("an edit of a campaign that runs", () => {
  it("applies to each later claim, and earlier messages can be identified", async () => {
    let id = "";
    let editing: Promise<Reply> | undefined;
    const requests: { data: Record<string, unknown> }[] = [];
    const worker = createCampaignWorker(api.pool, async (request) => {
      requests.push(request);
      if (requests.length >= 12)
        await (editing ??= edit(id, { template: { key: "other" }, data: { order: "2" } }));
      return "sent" as const;
    });
    const begun = await running({}, worker);
    id = begun.id;
    await worker.drain(id, begun.lanes);
    const edited = (await editing)?.body;
    expect(edited).toMatchObject({
      revision: 2,
      template: { key: "other", version: 1 },
      data: { order: "2" },
    });
    expect(await worker.advance(id)).toMatchObject({ status: "completed", reconciled: true });
    expect(worker.copies().size).toBe(people);
    expect(requests).toHaveLength(people);

    const old = requests.filter(({ data }) => data["order"] === "1");
    // Those that were claimed before the edit, and no more.
    expect(old.length).toBeGreaterThanOrEqual(12);
    expect(old.length).toBeLessThan(people);
    const { body } = await api.send("GET", `/v1/campaigns/${id}/revisions`);
    expect(body.items).toEqual([
      {
        revision: 2,
        template: { key: "other", version: 1 },
        data: { order: "2" },
        attachments: [],
        from: expect.any(String),
        until: null,
        by: "bootstrap",
        sent: people - old.length,
        unknown: 0,
      },
      {
        revision: 1,
        template: { key: sampleTemplate.key, version: 1 },
        data: { order: "1" },
        attachments: [],
        from: edited.frozenAt,
        until: body.items[0].from,
        by: "bootstrap",
        sent: old.length,
        unknown: 0,
      },
    ]);
  });

  it("shows first what it would do, and changes nothing by that", async () => {
    const { id, worker, lanes } = await running();
    await worker.drain(id, lanes.slice(0, 4));
    const sent = worker.requests.length;
    const before = await read(id);
    const change = { data: { order: "2" }, priority: "high" };
    const shown = await preview(id, change);
    expect(shown.status).toBe(200);
    expect(shown.body).toEqual({
      changes: {
        data: { from: { order: "1" }, to: { order: "2" } },
        priority: { from: "normal", to: "high" },
        revision: { from: 1, to: 2 },
      },
      impact: {
        audience: people,
        pending: people - sent,
        sending: 0,
        alreadySent: sent,
        unknown: 0,
        ended: 0,
        newMessage: people - sent,
        oldMessage: sent,
      },
      etag: before.headers.get("etag"),
    });
    expect((await read(id)).body).toEqual(before.body);
    expect(await audited(id)).toEqual([]);
    expect((await preview(id, { name: "x" })).body.impact).toMatchObject({ newMessage: 0 });

    const edited = await edit(id, change, shown.body.etag);
    expect(edited.body).toMatchObject({ ...change, revision: 2 });
    expect(await audited(id)).toMatchObject([
      {
        before: { data: { order: "1" }, priority: "normal", revision: 1 },
        after: { data: { order: "2" }, priority: "high", revision: 2 },
      },
    ]);
    expect((await preview(id, change, { "if-match": shown.body.etag })).status).toBe(412);
    expect((await preview(id, { audience: { include: ["nobody"] } })).status).toBe(409);
  });

  it("gives what is open its new priority, and leaves what has ended", async () => {
    const { id, worker, lanes } = await running();
    await worker.drain(id, lanes.slice(0, 4));
    await edit(id, { priority: "high" });
    expect(api.woken).toContain(id);
    await worker.advance(id);
    const counts = await api.prisma.delivery.groupBy({
      by: ["priority", "status"],
      where: { campaignId: parsePublicId("campaign", id)! },
      _count: true,
      orderBy: { priority: "asc" },
    });
    const sent = worker.requests.length;
    expect(counts).toEqual([
      { priority: "high", status: "pending", _count: people - sent },
      { priority: "normal", status: "sent", _count: sent },
    ]);
    expect((await read(id)).body.revision).toBe(1);
  });

  it("names each field that can be edited no more, and why", async () => {
    const { id, worker, lanes } = await running();
    await act(id, "pause");
    const reply = await edit(id, {
      name: "Summer",
      audience: { where: { attribute: "even", equals: true } },
      guarantee: "at_most_once",
      throttle: { perSecond: 1 },
      startAt: later,
    });
    expect(reply.status).toBe(409);
    expect(reply.body.errors.map(({ field }: { field: string }) => field)).toEqual([
      "/audience",
      "/guarantee",
      "/throttle",
      "/startAt",
    ]);
    expect(reply.body.detail).toContain("the audience is frozen");
    expect((await edit(id, { name: "Summer", audience: { all: true } })).body.name).toBe("Summer");
    await act(id, "resume");
    await worker.drain(id, lanes);
    await worker.advance(id);
    const over = await edit(id, { name: "Winter" });
    expect([over.status, over.body.detail]).toEqual([409, expect.stringContaining("is completed")]);
  });

  it("lets one of many at the same time through", async () => {
    const { id } = await running();
    const etag = (await read(id)).headers.get("etag")!;
    const replies = await Promise.all(
      [1, 2, 3, 4].map((i) => edit(id, { data: { order: `new ${i}` } }, etag)),
    );
    expect(replies.map(({ status }) => status).sort((a, b) => a - b)).toEqual([200, 412, 412, 412]);
    expect((await read(id)).body.revision).toBe(2);
  });
});

describe("what a campaign said", () => {
  it("is listed page by page, the latest first", async () => {
    const { id } = await running();
    for (const order of ["2", "3", "4"]) await edit(id, { data: { order } });
    const seen: { revision: number; data: { order: string }; from: string; until: string }[] = [];
    let cursor: string | null = null;
    do {
      const query = cursor === null ? "" : `&cursor=${cursor}`;
      const reply = await api.send("GET", `/v1/campaigns/${id}/revisions?limit=1${query}`);
      seen.push(...reply.body.items);
      cursor = reply.body.nextCursor;
    } while (cursor !== null);
    expect(seen.map(({ revision, data }) => [revision, data.order])).toEqual([
      [4, "4"],
      [3, "3"],
      [2, "2"],
      [1, "1"],
    ]);
    for (const [i, { from }] of seen.slice(0, -1).entries()) expect(from).toBe(seen[i + 1]!.until);
    const whole = await api.send("GET", `/v1/campaigns/${id}/revisions`);
    expect(whole.body).toEqual({ items: seen, nextCursor: null });
    const wrong = await api.send("GET", `/v1/campaigns/${id}/revisions?cursor=x`);
    expect(wrong.status).toBe(422);
  });

  it("names who wrote each revision, as long as the audit trail has the edit", async () => {
    const { id } = await running();
    const { id: author, secret } = await makeKey(api, { role: "sender" });
    const etag = (await read(id)).headers.get("etag")!;
    const headers = { "if-match": etag, authorization: `Bearer ${secret}` };
    await api.send("PATCH", `/v1/campaigns/${id}`, { priority: "low" }, headers);
    await edit(id, { data: { order: "2" } });
    const again = (await read(id)).headers.get("etag")!;
    await api.send(
      "PATCH",
      `/v1/campaigns/${id}`,
      { data: { order: "3" } },
      { ...headers, "if-match": again },
    );
    const authors = async () =>
      (await api.send("GET", `/v1/campaigns/${id}/revisions`)).body.items.map(
        ({ by }: { by: string | null }) => by,
      );
    expect(await authors()).toEqual([author, "bootstrap", "bootstrap"]);
    await api.prisma.auditEntry.deleteMany({ where: { resource: id } });
    expect(await authors()).toEqual([null, null, "bootstrap"]);
  });

  it("is one thing before it begins", async () => {
    const id = await create();
    await edit(id, { data: { order: "2" } });
    expect((await api.send("GET", `/v1/campaigns/${id}/revisions`)).body.items).toMatchObject([
      { revision: 1, data: { order: "2" }, from: null, until: null, sent: 0 },
    ]);
  });
});

async function audited(id: string) {
  return (await api.send("GET", `/v1/audit?resource=${id}&action=campaign.edit`)).body.items;
}

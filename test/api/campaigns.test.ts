import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { audience } from "../../domain/audience.ts";
import { audienceWhere } from "../../ledger/audience-sql.ts";
import { freezeAudience } from "../../ledger/freeze-audience.ts";
import { parsePublicId } from "../../domain/ids.ts";
import { type Api, sampleTemplate, seed, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 200);
});
afterAll(() => api.stop());
beforeEach(() => void (api.woken.length = 0));

const campaign = {
  name: "Spring",
  template: { key: sampleTemplate.key },
  audience: { all: true },
  data: { order: "1" },
};
const later = "2090-05-01T08:00:00.000Z";

async function create(part: object = {}): Promise<string> {
  const { status, body } = await api.send("POST", "/v1/campaigns", { ...campaign, ...part });
  expect(status).toBe(201);
  return body.id;
}
const act = (id: string, action: string, body?: object) =>
  api.send("POST", `/v1/campaigns/${id}/${action}`, body);

/** What the worker does when the time has come. */
const freeze = (id: string) => freezeAudience(api.pool, parsePublicId("campaign", id)!, id);

describe("a campaign", () => {
  it("is made, edited and duplicated by more callers at once than there are connections", async () => {
    const replies = await Promise.all(
      Array.from({ length: 30 }, () => api.send("POST", "/v1/campaigns", campaign)),
    );
    expect(replies.map(({ status }) => status)).toEqual(replies.map(() => 201));
    const changes = await Promise.all(
      replies.flatMap(({ body: { id } }) => [
        api.send("POST", `/v1/campaigns/${id}/duplicate`, {}),
        api.send(
          "PATCH",
          `/v1/campaigns/${id}`,
          { template: { key: sampleTemplate.key, version: 1 }, data: { order: "2" } },
          { "if-match": "*" },
        ),
      ]),
    );
    expect(new Set(changes.map(({ status }) => status))).toEqual(new Set([200, 201]));
  });

  it("is a draft that pins the template's version, until it is started", async () => {
    const id = await create();
    expect(api.woken).toEqual([]);
    await api.send("POST", `/v1/templates/${sampleTemplate.key}/versions`, {
      content: sampleTemplate.content,
      variables: sampleTemplate.variables,
    });
    const { body } = await api.send("GET", `/v1/campaigns/${id}`);
    expect(body).toMatchObject({
      status: "draft",
      template: { version: 1 },
      startAt: null,
      frozenAt: null,
      audienceCount: null,
      throttle: null,
      guarantee: "at_least_once",
      priority: "normal",
    });
    const before = Date.now();
    const started = await act(id, "start");
    const after = Date.now();
    expect(started.body.status).toBe("scheduled");
    expect(Date.parse(started.body.startAt)).toBeGreaterThanOrEqual(before);
    expect(Date.parse(started.body.startAt)).toBeLessThanOrEqual(after);
    expect(api.woken).toEqual([id]);
  });

  it("is scheduled at once by a startAt, and moved by a reschedule", async () => {
    const id = await create({ startAt: later });
    expect(api.woken).toEqual([id]);
    expect(
      (await act(id, "reschedule", { startAt: "2091-01-01T00:00:00+02:00" })).body,
    ).toMatchObject({ status: "scheduled", startAt: "2090-12-31T22:00:00.000Z" });
  });

  it("is audited as started without a test only where the caller says so", async () => {
    const started = async (action: string, body?: object) => {
      const id = await create();
      expect((await act(id, action, body)).status).toBe(200);
      const audit = await api.send("GET", `/v1/audit?resource=${id}&action=campaign.${action}`);
      return audit.body.items[0].after;
    };
    const withoutTestSend = true;
    const said = { status: "scheduled", withoutTestSend };
    expect(await started("start", { withoutTestSend })).toMatchObject(said);
    expect(await started("schedule", { startAt: later, withoutTestSend })).toMatchObject(said);
    for (const body of [undefined, {}, { withoutTestSend: false }])
      expect(await started("start", body)).not.toHaveProperty("withoutTestSend");
  });

  it("keeps its instant through a pause before it began", async () => {
    const id = await create();
    await act(id, "schedule", { startAt: later });
    expect((await act(id, "pause")).body.status).toBe("paused");
    expect((await act(id, "resume")).body).toMatchObject({ status: "scheduled", startAt: later });
    expect(api.woken).toEqual([id, id, id]);
  });

  it("runs on after a pause, and cannot be rescheduled once it has begun", async () => {
    const id = await create();
    await act(id, "start");
    await freeze(id);
    expect((await act(id, "pause")).body.status).toBe("paused");
    expect((await act(id, "reschedule", { startAt: later })).status).toBe(409);
    expect((await act(id, "resume")).body.status).toBe("running");
  });

  it("is finished by a cancellation before it began; after that its workflow finishes it", async () => {
    const early = await act(await create(), "cancel");
    expect(early.body).toMatchObject({ status: "cancelled", finishedAt: expect.any(String) });
    const id = await create();
    await act(id, "start");
    await freeze(id);
    expect((await act(id, "cancel")).body).toMatchObject({ status: "cancelled", finishedAt: null });
  });

  it.each([
    ["start", ["start", "freeze"], "draft or scheduled"],
    ["schedule", ["start"], "draft"],
    ["reschedule", [], "scheduled or paused"],
    ["pause", [], "scheduled or running"],
    ["resume", ["start"], "paused"],
    ["cancel", ["cancel"], "draft or scheduled or running or paused"],
  ])(
    "refuses to %s in another state, and names the states that allow it",
    async (action, before, allowed) => {
      const id = await create();
      for (const step of before) await (step === "freeze" ? freeze(id) : act(id, step));
      const { body: unchanged } = await api.send("GET", `/v1/campaigns/${id}`);
      api.woken.length = 0;
      const reply = await act(
        id,
        action,
        action.endsWith("schedule") ? { startAt: later } : undefined,
      );
      expect(reply.status).toBe(409);
      expect(reply.body.detail).toContain(`needs ${allowed}`);
      expect((await api.send("GET", `/v1/campaigns/${id}`)).body).toEqual(unchanged);
      expect(api.woken).toEqual([]);
    },
  );

  it("ends in one state, however pause, resume and cancel meet", async () => {
    const id = await create({ startAt: later });
    const replies = await Promise.all(
      ["pause", "cancel", "resume", "pause", "cancel", "resume"].map((action) => act(id, action)),
    );
    expect(replies.every(({ status }) => status === 200 || status === 409)).toBe(true);
    expect((await api.send("GET", `/v1/campaigns/${id}`)).body.status).toBe("cancelled");
  });

  it("has a throttle that can be set, changed and lifted", async () => {
    const id = await create({ throttle: { perSecond: 50 } });
    expect((await api.send("GET", `/v1/campaigns/${id}`)).body.throttle).toEqual({
      perSecond: 50,
      burst: 5,
    });
    const changed = await api.send("PUT", `/v1/campaigns/${id}/throttle`, {
      perSecond: 0.5,
      burst: 2,
    });
    expect(changed.body.throttle).toEqual({ perSecond: 0.5, burst: 2 });
    expect(await api.prisma.gate.findUnique({ where: { key: `campaign/${id}` } })).toMatchObject({
      permitsPerSecond: 0.5,
      burst: 2,
    });
    expect(
      (await api.send("PUT", `/v1/campaigns/${id}/throttle`, "null")).body.throttle,
    ).toBeNull();
    expect(
      (
        await api.send("PUT", `/v1/campaigns/${id}/throttle`, "", {
          "content-type": "application/json",
        })
      ).status,
    ).toBe(400);
    expect(api.woken).toEqual([id, id]);
    await act(id, "cancel");
    expect((await api.send("PUT", `/v1/campaigns/${id}/throttle`, { perSecond: 1 })).status).toBe(
      409,
    );
  });

  it("is a 404 by any other id, whatever is asked of it", async () => {
    for (const id of ["cmp_01jd3v8qyee7fr8xmcsnh5hbcd", "ntf_01jd3v8qyee7fr8xmcsnh5hbcd", "x"]) {
      for (const report of ["", "/progress", "/reconciliation", "/deliveries"])
        expect((await api.send("GET", `/v1/campaigns/${id}${report}`)).status).toBe(404);
      expect((await act(id, "start")).status).toBe(404);
      expect((await api.send("PUT", `/v1/campaigns/${id}/throttle`, { perSecond: 1 })).status).toBe(
        404,
      );
    }
  });
});

describe("an audience", () => {
  const where = (
    filter: object,
    expected: (person: { name: string; even: boolean; number: number }, i: number) => boolean,
  ) => [JSON.stringify(filter), filter, expected] as const;
  it.each([
    where({ attribute: "even", equals: true }, ({ even }) => even),
    where({ not: { attribute: "even", equals: true } }, ({ even }) => !even),
    where({ attribute: "number", atLeast: 100 }, ({ number }) => number >= 100),
    where(
      {
        all: [
          { attribute: "number", greaterThan: 10 },
          { attribute: "number", lessThan: 20.5 },
        ],
      },
      ({ number }) => number > 10 && number < 20.5,
    ),
    where({ attribute: "name", atMost: 5 }, () => false),
    where({ not: { attribute: "missing", atMost: 5 } }, () => true),
    where({ attribute: "name", in: ["N1", "N2", 3, null] }, (_, i) => i === 1 || i === 2),
    where({ not: { attribute: "missing", in: ["x"] } }, () => true),
    where({ attribute: "number", in: [1, 2] }, (_, i) => i === 1 || i === 2),
    where({ attribute: "missing", equals: null }, () => false),
    where({ attribute: "missing", exists: false }, () => true),
    where({ attribute: "name", exists: true }, () => true),
    where(
      {
        any: [
          { field: "email", equals: "u3@example.org" },
          { field: "externalId", in: ["u4", "u5"] },
        ],
      },
      (_, i) => [3, 4, 5].includes(i),
    ),
    where({ not: { field: "phone", equals: "+4915112345678" } }, () => true),
    where({ not: { field: "phone", in: ["+4915112345678"] } }, () => true),
    where({ field: "phone", exists: false }, () => true),
    where({ attribute: "'; DROP TABLE recipients; --", equals: "$1" }, () => false),
  ])("of %s is who it says", async (_, filter, expected) => {
    const people = Array.from({ length: 200 }, (_, i) => ({
      name: `N${i}`,
      even: i % 2 === 0,
      number: i,
    }));
    const { sql, values } = audienceWhere(audience.parse({ where: filter }), new Map(), "r");
    const rows = await api.prisma.$queryRawUnsafe<{ id: string }[]>(
      `SELECT external_id AS id FROM recipients r WHERE ${sql}`,
      ...values,
    );
    expect(rows.map(({ id }) => id).sort()).toEqual(
      people.flatMap((person, i) => (expected(person, i) ? [`u${i}`] : [])).sort(),
    );
  });
});

describe("what a campaign owes", () => {
  it("adds up at every instant, while rows change under it", async () => {
    const id = await create();
    const empty = await api.send("GET", `/v1/campaigns/${id}/reconciliation`);
    expect(empty.body).toMatchObject({
      audience: null,
      pending: 0,
      reconciled: false,
      duplicates: 0,
    });
    await act(id, "start");
    await freeze(id);

    let sending = true;
    const worker = (async () => {
      const uuid = parsePublicId("campaign", id)!;
      for (let round = 0; sending || round < 20; round += 1) {
        const [open, done] = round % 2 === 0 ? ["pending", "sent"] : ["sent", "pending"];
        await api.prisma.$executeRawUnsafe(
          `UPDATE deliveries SET status = $2::text::delivery_status, due_at = CASE WHEN $2::text = 'pending' THEN now() END
           WHERE id IN (SELECT id FROM deliveries WHERE campaign_id = $1::uuid AND status = $3::text::delivery_status ORDER BY random() LIMIT 70)`,
          uuid,
          done,
          open,
        );
      }
    })();
    for (let i = 0; i < 40; i += 1) {
      const { body } = await api.send("GET", `/v1/campaigns/${id}/reconciliation`);
      expect(body).toMatchObject({ audience: 200, reconciled: true, duplicates: 0 });
      expect(body.pending + body.sent).toBe(200);
    }
    sending = false;
    await worker;

    const { body: shown } = await api.send("GET", `/v1/campaigns/${id}`);
    const [listed] = (await api.send("GET", "/v1/campaigns?limit=1")).body.items;
    expect([listed.id, shown.counts]).toEqual([id, listed.counts]);
    expect(shown.counts).toMatchObject({ failed: 0 });
    expect(shown.counts.open + shown.counts.sent).toBe(200);

    const progress = await api.send("GET", `/v1/campaigns/${id}/progress`);
    expect(progress.body).toMatchObject({
      status: "running",
      audience: 200,
      counts: { failed: 0 },
      startedAt: expect.any(String),
      finishedAt: null,
    });
  });

  it("says how fast it went", async () => {
    const id = await create();
    await act(id, "start");
    await freeze(id);
    const uuid = parsePublicId("campaign", id)!;
    await api.prisma
      .$executeRaw`UPDATE deliveries SET status = 'sent', due_at = NULL, finished_at = now() WHERE campaign_id = ${uuid}::uuid`;
    expect((await api.send("GET", `/v1/campaigns/${id}/progress`)).body.messagesPerSecond).toBe(20);
    await api.prisma
      .$executeRaw`UPDATE campaigns SET status = 'completed', finished_at = frozen_at + interval '4 seconds' WHERE id = ${uuid}::uuid`;
    expect((await api.send("GET", `/v1/campaigns/${id}/progress`)).body).toMatchObject({
      status: "completed",
      messagesPerSecond: 50,
    });
  });

  it("is not reconciled when a row is missing", async () => {
    const id = await create();
    await act(id, "start");
    await freeze(id);
    await api.prisma
      .$executeRaw`DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE campaign_id = ${parsePublicId("campaign", id)}::uuid LIMIT 1)`;
    expect((await api.send("GET", `/v1/campaigns/${id}/reconciliation`)).body).toMatchObject({
      audience: 200,
      pending: 199,
      reconciled: false,
    });
  });

  it("is listed page by page, each row once, though statuses change meanwhile", async () => {
    const id = await create();
    await act(id, "start");
    await freeze(id);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const { status, body } = await api.send(
        "GET",
        `/v1/campaigns/${id}/deliveries?limit=33${cursor ? `&cursor=${cursor}` : ""}`,
      );
      expect(status).toBe(200);
      seen.push(...body.items.map((row: { id: string }) => row.id));
      await api.prisma
        .$executeRaw`UPDATE deliveries SET status = 'sent', due_at = NULL WHERE id IN (SELECT id FROM deliveries WHERE campaign_id = ${parsePublicId("campaign", id)}::uuid AND status = 'pending' LIMIT 10)`;
      cursor = body.nextCursor;
    } while (cursor);
    expect(seen).toHaveLength(200);
    expect(new Set(seen).size).toBe(200);
    const { body: sent } = await api.send(
      "GET",
      `/v1/campaigns/${id}/deliveries?status=sent,failed&limit=200`,
    );
    expect(sent.items).toHaveLength(70);
    expect(sent.nextCursor).toBeNull();
  });

  it.each([
    "limit=0",
    "limit=201",
    "limit=x",
    "status=lost",
    "status=sent,lost",
    "sort=recipient",
    "cursor=x",
    `cursor=${Buffer.from('["a","b"]').toString("base64url")}`,
  ])("refuses a page of %s", async (query) => {
    const reply = await api.send("GET", `/v1/campaigns/${await create()}/deliveries?${query}`);
    expect(reply.status).toBe(422);
    expect(reply.body.errors[0]).toMatchObject({ in: "query", field: query.split("=")[0] });
  });
});

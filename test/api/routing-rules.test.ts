import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { publicId } from "../../domain/ids.ts";
import { createRoutes } from "../../ledger/routes.ts";
import { createPolicyWorld } from "../support/policy-world.ts";
import { type Api, makeKey, sampleTemplate, seed, startApi } from "./harness.ts";

let api: Api;
let world: ReturnType<typeof createPolicyWorld>;
beforeAll(async () => {
  api = await startApi();
  world = createPolicyWorld(api.pool);
  await seed(api, 2);
});
beforeEach(() =>
  api.pool.query(
    "TRUNCATE routing_rules CASCADE; DELETE FROM deliveries; DELETE FROM notifications",
  ),
);
afterAll(() => api.stop());

const path = "/v1/routing-rules";
/** Stages by their channels, as in `push_or_email`. */
const via = (...stages: string[]) => ({
  stages: stages.map((stage) => ({ via: stage.split("_or_") })),
});
const defaults = { when: null, priority: null, templates: {}, final: true, active: true };

const post = (key: string, part: object = {}) =>
  api.send("POST", path, { key, name: `Rule ${key}`, route: via("push"), ...part });
async function create(key: string, part: object = {}) {
  const reply = await post(key, part);
  expect([reply.status, reply.body.errors]).toEqual([201, undefined]);
  return reply.body;
}
const patch = (key: string, body: unknown, match = "*") =>
  api.send("PATCH", `${path}/${key}`, body, { "if-match": match });
const keys = async (query = "") =>
  (await api.send("GET", `${path}${query}`)).body.items.map(({ key }: { key: string }) => key);

describe("a routing rule", () => {
  it("is created as the last one, with defaults for what is left out", async () => {
    await create("first");
    const body = await create("second", {
      when: {
        all: [
          { field: "type", equals: "task.deadline" },
          { attribute: "plan", equals: "pro" },
        ],
      },
      templates: { push: sampleTemplate.key },
    });
    expect(body).toEqual({
      ...defaults,
      id: expect.stringMatching(/^rul_/),
      key: "second",
      name: "Rule second",
      route: via("push"),
      when: {
        all: [
          { field: "type", equals: "task.deadline" },
          { attribute: "plan", equals: "pro" },
        ],
      },
      templates: { push: sampleTemplate.key },
      position: 2,
      version: 1,
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    });
    const read = await api.send("GET", `${path}/second`);
    expect([read.body, read.headers.get("etag")]).toEqual([body, '"1"']);
    expect(await keys()).toEqual(["first", "second"]);
    expect(await keys("?q=RULE%20sec")).toEqual(["second"]);
  });

  it("is created once, and once under an Idempotency-Key", async () => {
    await create("taken");
    expect((await post("taken")).status).toBe(409);
    const send = () =>
      api.send(
        "POST",
        path,
        { key: "keyed", name: "Keyed", route: via("push_or_email") },
        {
          "idempotency-key": "a-rule",
        },
      );
    const [first, second] = [await send(), await send()];
    expect(second.body).toEqual(first.body);
    const raced = await Promise.all([post("raced"), post("raced"), post("other")]);
    expect(raced.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 201, 409]);
    const { rows } = await api.pool.query("SELECT position FROM routing_rules ORDER BY position");
    expect(rows.map(({ position }) => position)).toEqual([1, 2, 3, 4]);
  });

  it.each<[string, object, string]>([
    ["a filter that is none", { when: { field: "color", equals: "red" } }, "/when/field"],
    ["a condition on a campaign", { when: { missed: "cmp_01jd3v8qyee7fr8xmcsnh5hbcd" } }, "/when"],
    ["a route without stages", { route: { stages: [] } }, "/route/stages"],
    ["a template that does not exist", { templates: { sms: "no-such" } }, "/templates/sms"],
    ["an unknown channel", { templates: { pigeon: "order-shipped" } }, "/templates/pigeon"],
  ])("is refused with %s", async (_, part, field) => {
    const { status, body } = await post("refused", part);
    expect([status, body.errors?.[0]?.field]).toEqual([422, field]);
  });

  it("is changed field by field, keeps its versions, and is refused with an old ETag", async () => {
    await create("changing", { when: { field: "type", exists: true } });
    const first = await patch("changing", { when: { field: "priority", equals: "high" } }, '"1"');
    expect(first.body).toMatchObject({
      when: { field: "priority", equals: "high" },
      route: via("push"),
      version: 2,
    });
    expect(first.headers.get("etag")).toBe('"2"');
    expect((await patch("changing", { active: false }, '"1"')).status).toBe(412);
    expect((await patch("changing", { when: null, priority: "low" })).body).toMatchObject({
      when: null,
      priority: "low",
      version: 3,
    });
    expect((await patch("changing", { priority: "low" })).body.version).toBe(3);
    const { body: versions } = await api.send("GET", `${path}/changing/versions`);
    expect(versions.items.map(({ version }: { version: number }) => version)).toEqual([3, 2, 1]);
    expect((await api.send("GET", `${path}/changing/versions/2`)).body).toEqual({
      ...defaults,
      name: "Rule changing",
      route: via("push"),
      when: { field: "priority", equals: "high" },
      position: 1,
      version: 2,
      createdBy: "bootstrap",
      createdAt: expect.any(String),
    });
    expect((await api.send("GET", `${path}/changing/versions/4`)).status).toBe(404);
  });

  it("is deleted, and its changes are in the audit trail", async () => {
    await create("passing");
    await patch("passing", { active: false });
    expect((await api.send("DELETE", `${path}/passing`)).status).toBe(204);
    expect((await api.send("GET", `${path}/passing`)).status).toBe(404);
    const { body } = await api.send("GET", "/v1/audit?resource=passing&sort=createdAt");
    expect(body.items).toMatchObject([
      { action: "routing-rule.create", after: { key: "passing", active: true } },
      { action: "routing-rule.update", before: { active: true }, after: { active: false } },
      { action: "routing-rule.delete", before: { key: "passing" } },
    ]);
  });

  it("is edited by administrators only", async () => {
    const { secret } = await makeKey(api, { role: "sender" });
    const as = { authorization: `Bearer ${secret}` };
    expect((await api.send("GET", path, undefined, as)).status).toBe(200);
    const body = { key: "sent", name: "Sent", route: via("push") };
    expect((await api.send("POST", path, body, as)).status).toBe(403);
    expect((await api.send("PUT", `${path}/order`, { keys: [] }, as)).status).toBe(403);
  });
});

describe("the limits of rules", () => {
  it("is fifty active ones", async () => {
    await api.pool.query(
      `INSERT INTO routing_rules (id, key, position, document)
       SELECT gen_random_uuid(), 'r' || n, n, $1 FROM generate_series(1, 50) AS n`,
      [{ name: "Rule", route: via("push") }],
    );
    const refused = await post("more");
    expect([refused.status, refused.body.detail]).toEqual([409, expect.stringContaining("50")]);
    expect((await post("more", { active: false })).status).toBe(201);
    expect((await patch("more", { active: true })).status).toBe(409);
    expect((await patch("r1", { active: false })).status).toBe(200);
    expect((await patch("more", { active: true })).status).toBe(200);
  });

  it("is 256 ways in which active ones can be combined", async () => {
    const adding = (n: number) => ({
      final: false,
      when: { attribute: `a${n}`, exists: true },
      route: {
        stages: [{ via: ["email"] }, { via: ["in_app"], after: { minutes: n, unless: "read" } }],
      },
    });
    let made = 0;
    const statuses: number[] = [];
    while (statuses.at(-1) !== 409 && made < 60)
      statuses.push((await post(`r${made}`, adding((made += 1)))).status);
    expect(statuses.at(-1)).toBe(409);
    expect(statuses.length).toBeGreaterThan(5);
    expect(await keys()).toHaveLength(statuses.length - 1);
  });
});

describe("PUT /v1/routing-rules/order", () => {
  const put = (given: string[]) => api.send("PUT", `${path}/order`, { keys: given });

  it("sets the order, and makes a version of each rule that moves", async () => {
    for (const key of ["a", "b", "c", "d"]) await create(key, { active: key !== "d" });
    const { status, body } = await put(["c", "b", "a", "d"]);
    expect(status).toBe(200);
    expect(body.rules).toEqual([
      { key: "c", position: 1, active: true, version: 2 },
      { key: "b", position: 2, active: true, version: 1 },
      { key: "a", position: 3, active: true, version: 2 },
      { key: "d", position: 4, active: false, version: 1 },
    ]);
    expect(await keys()).toEqual(["c", "b", "a", "d"]);
    await put(["c", "b", "a", "d"]);
    const { body: trail } = await api.send("GET", "/v1/audit?action=routing-rule.order");
    expect(trail.items).toMatchObject([
      { before: { keys: ["a", "b", "c", "d"] }, after: { keys: ["c", "b", "a", "d"] } },
    ]);
  });

  it("is refused unless each rule is named once", async () => {
    for (const key of ["a", "b"]) await create(key);
    const fields = async (given: string[]) => {
      const { status, body } = await put(given);
      return [status, ...(body.errors ?? []).map(({ field }: { field: string }) => field)];
    };
    expect(await fields(["a"])).toEqual([422, "/keys"]);
    expect(await fields(["a", "b", "c"])).toEqual([422, "/keys/2"]);
    expect(await fields(["a", "b", "a"])).toEqual([422, "/keys/2"]);
    expect(await fields(["b", "a"])).toEqual([200]);
  });
});

describe("POST /v1/routing-rules/preview", () => {
  const draft = (key: string, part: object = {}) => ({
    key,
    name: `Rule ${key}`,
    route: via("push"),
    ...part,
  });
  async function preview(rules: object[], part: object = {}) {
    const reply = await api.send("POST", `${path}/preview`, { rules, ...part });
    expect([reply.status, reply.body.errors]).toEqual([200, undefined]);
    return reply.body;
  }
  const ask = (recipientId: string, part: object = {}) => world.ask({ recipientId, ...part });
  const setPlan = (id: string, plan: string) =>
    api.pool.query("UPDATE recipients SET attributes = $2 WHERE id = $1", [id, { plan }]);

  it("counts the messages for which rules hold and whose route changes, and names some", async () => {
    const [pro, basic] = [await world.recipient(), await world.recipient()];
    await setPlan(pro, "pro");
    await setPlan(basic, "basic");
    await create("urgent", {
      when: { field: "priority", equals: "high" },
      route: via("push_or_email"),
    });
    const first = await ask(pro, { type: "task.deadline" });
    for (let n = 0; n < 2; n += 1) await ask(basic, { type: "task.deadline" });
    await ask(basic, { priority: "high" });
    await ask(pro, { at: new Date(Date.now() - 25 * 3_600_000) });

    const urgent = draft("urgent", {
      when: { field: "priority", equals: "high" },
      route: via("push_or_email"),
    });
    const body = await preview([
      urgent,
      draft("pro", {
        when: {
          all: [
            { field: "type", equals: "task.deadline" },
            { attribute: "plan", equals: "pro" },
          ],
        },
        route: via("in_app", "email"),
        priority: "low",
      }),
      draft("never", { when: { field: "type", equals: "other" } }),
    ]);
    expect(body).toMatchObject({
      cutOffAt: null,
      messages: 4,
      recipients: 2,
      requested: 0,
      erased: 0,
      changed: { messages: 1, recipients: 1 },
      rules: [
        { key: "urgent", messages: 1, recipients: 1 },
        { key: "pro", messages: 1, recipients: 1 },
        { key: "never", messages: 0, recipients: 0, examples: [] },
      ],
    });
    const example = {
      delivery: publicId("delivery", first),
      recipient: publicId("recipient", pro),
    };
    expect(body.routes).toEqual([
      {
        before: { origin: "default", ...via("email"), templates: {}, priority: null, leftOut: 0 },
        after: {
          origin: "rule:pro@0",
          ...via("in_app", "email"),
          templates: {},
          priority: "low",
          leftOut: 0,
        },
        messages: 1,
        recipients: 1,
        examples: [example],
      },
    ]);
    expect((await preview([])).routes).toMatchObject([
      { before: { origin: "rule:urgent@1" }, after: { origin: "default" }, messages: 1 },
    ]);
    // Nothing was stored.
    expect(await keys()).toEqual(["urgent"]);
  });

  it("says how many stages do not fit into a route", async () => {
    await ask(await world.recipient());
    const { routes } = await preview([
      draft("a", { final: false, route: via("in_app", "push", "email") }),
      draft("b", { route: via("push_or_email", "email_or_push") }),
    ]);
    expect(routes).toMatchObject([
      {
        after: {
          origin: "rule:a@0+b@0",
          ...via("in_app", "push", "email", "push_or_email"),
          leftOut: 1,
        },
      },
    ]);
  });

  it("counts messages with a route of their own, and those of erased recipients, separately", async () => {
    const [own, gone] = [await world.recipient(), await world.recipient()];
    const asked = await ask(own);
    const [route] = await createRoutes(api.pool).routeIds([
      { origin: "request", document: { stages: [{ via: ["in_app"] }] } },
    ]);
    await api.pool.query("UPDATE open_deliveries SET route_id = $2 WHERE id = $1", [asked, route]);
    await ask(gone);
    await api.pool.query("UPDATE recipients SET erased_at = now() WHERE id = $1", [gone]);
    const depending = draft("pro", { when: { attribute: "plan", equals: "pro" } });
    expect(await preview([depending])).toMatchObject({ messages: 2, requested: 1, erased: 1 });
    expect(await preview([draft("all")])).toMatchObject({
      messages: 2,
      requested: 1,
      erased: 0,
      changed: { messages: 1 },
    });
  });

  it("looks at the newest messages up to a limit, over many pages of notifications", async () => {
    const recipient = await world.recipient();
    const start = Date.now() - 3_600_000;
    for (let n = 0; n < 60; n += 1) await ask(recipient, { at: new Date(start + n * 1_000) });
    expect(await preview([draft("all")])).toMatchObject({
      messages: 60,
      cutOffAt: null,
      changed: { messages: 60, recipients: 1 },
    });
    expect(await preview([draft("all")], { limit: 60 })).toMatchObject({ cutOffAt: null });
    expect(await preview([draft("all")], { limit: 40 })).toMatchObject({
      messages: 40,
      cutOffAt: new Date(start + 20 * 1_000).toISOString(),
    });
  });

  it("reads a notification to many recipients in several pages", async () => {
    const ids = await world.seed.recipients(1_500);
    await world.seed.notification({ recipientIds: ids, queue: "mailbox/0" });
    expect(
      await preview([draft("all", { when: { attribute: "firstName", equals: "Ada" } })]),
    ).toMatchObject({
      messages: 1_500,
      recipients: 1_500,
      changed: { messages: 1_500 },
    });
  });

  it("refuses rules with one key, and too many combinations", async () => {
    const twice = await api.send("POST", `${path}/preview`, { rules: [draft("a"), draft("a")] });
    expect([twice.status, twice.body.errors[0].field]).toEqual([422, "/rules/1/key"]);
    const adding = Array.from({ length: 20 }, (_, n) =>
      draft(`r${n}`, {
        final: false,
        route: {
          stages: [
            { via: ["email"] },
            { via: ["in_app"], after: { minutes: n + 1, unless: "read" } },
          ],
        },
      }),
    );
    expect((await api.send("POST", `${path}/preview`, { rules: adding })).status).toBe(409);
  });
});

describe("a route of its own", () => {
  const route = {
    stages: [
      { via: ["in_app"] },
      { via: ["push", "email"], after: { minutes: 5, unless: "seen" } },
    ],
  };
  const template = { key: sampleTemplate.key };
  const data = { order: "A-17" };

  it("is taken with a notification, and checked", async () => {
    const send = (given: unknown) =>
      api.send("POST", "/v1/notifications", { recipients: ["u0"], template, data, route: given });
    expect((await send(route)).status).toBe(202);
    expect((await send(null)).status).toBe(202);
    const { status, body } = await send({
      stages: [{ via: ["email"], after: { minutes: 1, unless: "read" } }],
    });
    expect([status, body.errors[0].field]).toEqual([422, "/route/stages"]);
  });

  it("of a campaign is stored, edited until its audience is frozen, and duplicated", async () => {
    const wanted = { name: "Routed", template, data, audience: { all: true }, route };
    const { body: campaign } = await api.send("POST", "/v1/campaigns", wanted);
    expect(campaign.route).toEqual(route);
    const at = `/v1/campaigns/${campaign.id}`;
    expect((await api.send("POST", `${at}/duplicate`)).body.route).toEqual(route);
    const edit = (given: unknown) => api.send("PATCH", at, { route: given }, { "if-match": "*" });
    expect((await edit(via("push_or_email"))).body.route).toEqual(via("push_or_email"));
    expect((await edit(null)).body.route).toBeNull();
    await api.pool.query(
      "UPDATE campaigns SET status = 'running', frozen_at = now(), start_at = now()",
    );
    const refused = await edit(route);
    expect([refused.status, refused.body.errors[0].field]).toEqual([409, "/route"]);
    const plain = await api.send("POST", "/v1/campaigns", { ...wanted, route: undefined });
    expect(plain.body.route).toBeNull();
  });

  it("of a type and of the policy is null until it is set, and null again", async () => {
    const type = "/v1/notification-types/report.weekly";
    const change = async (of: string, body: object) =>
      (await api.send("PATCH", of, body, { "if-match": "*" })).body;
    expect((await api.send("GET", type)).body.route).toBeNull();
    expect((await change(type, { route })).route).toEqual(route);
    expect((await change(type, { route: null })).route).toBeNull();
    expect((await api.send("GET", "/v1/policy")).body.policy.route).toBeNull();
    expect((await change("/v1/policy", { route })).policy.route).toEqual(route);
    expect(await change("/v1/policy", { route: via("push_or_email") })).toMatchObject({
      policy: { route: via("push_or_email") },
      changes: { route: via("push_or_email") },
    });
    expect(await change("/v1/policy", { route: null })).toMatchObject({ changes: {} });
    const { status, body } = await api.send(
      "PATCH",
      "/v1/policy",
      { route: { stages: [] } },
      { "if-match": "*" },
    );
    expect([status, body.errors[0].field]).toEqual([422, "/route/stages"]);
  });
});

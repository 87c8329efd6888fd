import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { type MessageFacts, matchesFilter } from "../../domain/filter.ts";
import { newUuid } from "../../domain/ids.ts";
import { chooseRoute, planRoutes } from "../../domain/policy/resolve-route.ts";
import type { Route } from "../../domain/policy/route.ts";
import { routingFilter, type RoutingFilter } from "../../domain/policy/routing-filter.ts";
import type { RoutingRule } from "../../domain/policy/routing-rule.ts";
import { routedChannels } from "../../domain/policy/route.ts";
import { readRoutingFacts } from "../../ledger/routing-facts.ts";
import { routeCase } from "../../ledger/route-case.ts";
import { createRoutes } from "../../ledger/routes.ts";
import { createRulebookReader } from "../../ledger/rulebook.ts";
import { executeOn } from "../../ledger/sql.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";

const database = useLedgerDatabase({ truncate: "routes, routing_rules CASCADE" });

/** Values and keys that conditions find often, and that differ in type, in case, or as patterns. */
const scalars = fc.constantFrom<(string | number | boolean | null)[]>(
  null,
  true,
  false,
  0,
  -1,
  1,
  1.5,
  1e21,
  "",
  "1",
  "true",
  "a",
  "A",
  "ab",
  "%",
  "a_b",
  "a\\",
  "é",
  "😀",
);
const texts = fc.constantFrom("a", "A", "ab", "b", "%", "_", "\\", "é", "1", "😀", "EXAMPLE", "@");
const keys = fc.constantFrom("a", "b", "0", "a.b", '"', "toString");
const paths = fc.oneof(keys, fc.array(keys, { minLength: 1, maxLength: 3 }));
const numbers = fc.constantFrom(-1, 0, 1, 1.5, 1e21);

const values: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    scalars,
    fc.dictionary(keys, tie("value"), { maxKeys: 3 }),
    fc.array(tie("value"), { maxLength: 3 }),
  ),
})).value;
const objects = fc.dictionary(keys, values, { maxKeys: 4 });

const jsonOperators = fc.oneof(
  fc.record({ equals: scalars }),
  fc.record({ in: fc.array(scalars, { minLength: 1, maxLength: 3 }) }),
  fc.record({ includes: scalars }),
  fc.record({ exists: fc.boolean() }),
  ...["greaterThan", "atLeast", "lessThan", "atMost"].map((key) => fc.record({ [key]: numbers })),
  ...["startsWith", "endsWith", "contains"].map((key) => fc.record({ [key]: texts })),
);
const zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Nowhere/Known"];
const addresses = [
  "ada@example.org",
  "Ada@Example.org",
  "b@münchen.example",
  "b@xn--mnchen-3ya.example",
];
const fieldTexts = fc.constantFrom(
  ...zones,
  ...addresses,
  "a",
  "en",
  "EN",
  "de-AT",
  "+14155550100",
  "%",
  "org",
);
const textOperators = fc.oneof(
  ...["equals", "startsWith", "endsWith", "contains"].map((key) =>
    fc.record({ [key]: fieldTexts }),
  ),
  fc.record({ in: fc.array(fieldTexts, { minLength: 1, maxLength: 3 }) }),
  fc.record({ exists: fc.boolean() }),
);
const instants = [
  "2026-01-01T00:00:00.000Z",
  "2026-01-01T00:00:00.001Z",
  "2026-07-01T00:00:00.000Z",
];
const instantTexts = fc.constantFrom(...instants, "2026-01-01T01:00:00+01:00");
const hours = fc.constantFrom(0, 3, 4, 8, 9, 13, 14, 23);
const days = fc.constantFrom("sunday", "monday", "friday");

const merged = (...parts: fc.Arbitrary<object>[]) =>
  fc.tuple(...parts).map((given) => Object.assign({}, ...given) as object);
const fieldIn = (...names: string[]) => fc.record({ field: fc.constantFrom(...names) });
const conditions = fc.oneof(
  merged(fc.record({ attribute: paths }), jsonOperators),
  merged(fc.record({ data: paths }), jsonOperators),
  merged(fieldIn("externalId", "email", "email", "phone", "timeZone", "locale"), textOperators),
  merged(fieldIn("type", "entityId"), textOperators),
  merged(
    fieldIn("createdAt", "updatedAt"),
    fc.oneof(fc.record({ from: instantTexts }), fc.record({ before: instantTexts })),
  ),
  merged(
    fieldIn("hour"),
    fc.oneof(
      ...["equals", "greaterThan", "atLeast", "lessThan", "atMost"].map((key) =>
        fc.record({ [key]: hours }),
      ),
      fc.record({ in: fc.array(hours, { minLength: 1, maxLength: 3 }) }),
    ),
  ),
  merged(
    fieldIn("weekday"),
    fc.oneof(fc.record({ equals: days }), fc.record({ in: fc.array(days, { minLength: 1 }) })),
  ),
  fc.record({ field: fc.constant("priority"), equals: fc.constantFrom("high", "low") }),
  fc.record({ field: fc.constant("source"), equals: fc.constantFrom("campaign", "notification") }),
);
const filters: fc.Arbitrary<RoutingFilter> = fc
  .letrec<{ filter: object }>((tie) => ({
    filter: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      conditions,
      fc.record({ all: fc.array(tie("filter"), { minLength: 1, maxLength: 3 }) }),
      fc.record({ any: fc.array(tie("filter"), { minLength: 1, maxLength: 3 }) }),
      fc.record({ not: tie("filter") }),
    ),
  }))
  .filter.map((filter) => routingFilter.parse(filter));

const messages: fc.Arbitrary<MessageFacts> = fc.record({
  type: fc.constantFrom(null, "a", "task.deadline"),
  priority: fc.constantFrom("high", "low"),
  data: objects,
  entityId: fc.constantFrom(null, "a"),
  source: fc.constantFrom("notification", "campaign"),
  sendAt: fc.constantFrom(
    new Date("2026-03-29T00:59:59Z"),
    new Date("2026-03-29T01:00:00Z"),
    new Date("2026-11-02T03:30:00Z"),
  ),
});

const nullable = (...given: string[]) => fc.constantFrom<(string | null)[]>(null, ...given);
const recipients = fc.array(
  fc.record({
    email: nullable(...addresses),
    phone: nullable("+14155550100"),
    timeZone: fc.constantFrom(...zones),
    locale: fc.constantFrom("en", "EN", "de-AT"),
    attributes: objects,
    createdAt: fc.constantFrom(...instants),
    updatedAt: fc.constantFrom(...instants),
  }),
  { minLength: 30, maxLength: 30 },
);

/** Replaces the recipients by others, and reads what conditions depend on. */
async function replaceRecipients(wanted: fc.Arbitrary<object[]>, seed: number) {
  const [rows] = fc.sample(wanted, { numRuns: 1, seed });
  await database.empty();
  const ids = rows!.map(() => newUuid());
  await database.pool.query(
    `INSERT INTO recipients (id, external_id, email, phone, time_zone, locale, attributes, created_at, updated_at)
     SELECT i.id, CASE WHEN i.n % 3 > 0 THEN 'a' || i.n END, r.email, r.phone, r."timeZone", r.locale, r.attributes, r."createdAt", r."updatedAt"
     FROM unnest($1::uuid[]) WITH ORDINALITY AS i(id, n)
     JOIN ROWS FROM (jsonb_to_recordset($2::jsonb) AS (email text, phone text, "timeZone" text, locale text, attributes jsonb, "createdAt" timestamptz, "updatedAt" timestamptz))
       WITH ORDINALITY AS r(email, phone, "timeZone", locale, attributes, "createdAt", "updatedAt", n) USING (n)`,
    [ids, JSON.stringify(rows)],
  );
  const facts = await readRoutingFacts(executeOn(database.pool), {
    externalIds: [],
    recipientIds: ids,
  });
  return facts.map((one) => one!);
}

const via = (...named: (typeof routedChannels)[number][]): Route => ({
  stages: named.map((channel) => ({ via: [channel] })),
});

const rule = (key: string, given: Partial<RoutingRule> = {}): RoutingRule => ({
  key,
  version: 1,
  name: key,
  when: null,
  route: via("push"),
  priority: null,
  templates: {},
  final: true,
  ...given,
});

const planOf = (rules: readonly RoutingRule[], message: MessageFacts) =>
  planRoutes({
    requested: null,
    rules,
    type: null,
    policy: { version: 0, route: null },
    message,
    findTemplateVersion: () => null,
  });

/** The route of each recipient by the SQL of the plan. */
async function routesBySql(plan: ReturnType<typeof planOf>) {
  const execute = executeOn(database.pool);
  const compiled = await routeCase(createRoutes(database.pool), plan, "r", {
    execute,
    firstPlaceholder: 2,
  });
  const { rows } = await database.pool.query<{ id: string; route: number }>(
    `SELECT r.id, ${compiled.sql} AS route FROM recipients r WHERE $1 AND r.erased_at IS NULL`,
    [true, ...compiled.values],
  );
  return new Map(rows.map(({ id, route }) => [id, compiled.routes.get(route)!]));
}

const seeds = [1, 2, 3, 4, 5, 6];

describe("a filter", () => {
  it.each(seeds)("has the same result in JavaScript and in SQL (seed %i)", async (seed) => {
    const facts = await replaceRecipients(recipients, seed);
    expect(facts).toHaveLength(30);
    let [some, all] = [0, 0];
    await fc.assert(
      fc.asyncProperty(filters, messages, async (when, message) => {
        const bySql = await routesBySql(planOf([rule("it", { when })], message));
        const holding = facts.filter((recipient) => matchesFilter(when, message, recipient));
        expect(holding.map(({ id }) => id).toSorted()).toEqual(
          [...bySql].flatMap(([id, { rules }]) => (rules.length > 0 ? [id] : [])).toSorted(),
        );
        all += 1;
        if (holding.length > 0 && holding.length < facts.length) some += 1;
      }),
      { seed, numRuns: 200 },
    );
    // Many of the filters distinguish between the recipients.
    expect(some / all).toBeGreaterThan(0.1);
  });
});

describe("routing rules", () => {
  it("choose the same routes in JavaScript and in SQL", async () => {
    const facts = await replaceRecipients(recipients, 11);
    const stages = fc
      .subarray([...routedChannels], { minLength: 1, maxLength: 3 })
      .map((named) => via(...named));
    const sets = fc
      .array(fc.record({ when: fc.option(filters), route: stages, final: fc.boolean() }), {
        maxLength: 6,
      })
      .map((given) => given.map((one, n) => rule(`r${n}`, one)));
    await fc.assert(
      fc.asyncProperty(sets, messages, async (rules, message) => {
        const plan = planOf(rules, message);
        const bySql = await routesBySql(plan);
        for (const recipient of facts)
          expect(bySql.get(recipient.id)).toEqual(chooseRoute(plan, recipient));
      }),
      { seed: 11, numRuns: 150 },
    );
  });
});

describe("stored routes", () => {
  beforeEach(() => database.pool.query("TRUNCATE routes"));
  const email = { origin: "default", document: via("email") };
  const push = { origin: "policy@1", document: via("push") };
  const count = async () =>
    (await database.pool.query("SELECT count(*)::int AS n FROM routes")).rows[0].n as number;

  it("are stored once, by whomever and however often", async () => {
    const stores = [createRoutes(database.pool), createRoutes(database.pool)];
    const found = await Promise.all(
      [...stores, ...stores].map(({ routeIds }) => routeIds([email, push, email])),
    );
    const [first] = found as [number[]];
    for (const ids of found) expect(ids).toEqual([first[0], first[1], first[0]]);
    expect(first[0]).not.toBe(first[1]);
    expect(await count()).toBe(2);
    expect(await createRoutes(database.pool).readRoutes([...first, -1])).toEqual(
      new Map([
        [first[0], email],
        [first[1], push],
      ]),
    );
  });

  it("do not depend on the order of keys", async () => {
    const { routeIds } = createRoutes(database.pool);
    const stage = { via: ["in_app" as const], after: { minutes: 1, unless: "read" as const } };
    const turned = { after: { unless: "read" as const, minutes: 1 }, via: ["in_app" as const] };
    const [a, b] = await routeIds([
      { origin: "default", document: { stages: [{ via: ["push"] }, stage] } },
      { origin: "default", document: { stages: [{ via: ["push"] }, turned] } },
    ]);
    expect(a).toBe(b);
  });

  it("of a transaction that is rolled back are not remembered", async () => {
    const { routeIds } = createRoutes(database.pool);
    const stop = new Error("rolled back");
    await expect(
      inTransaction(database.pool, async (client) => {
        await routeIds([email], executeOn(client));
        throw stop;
      }),
    ).rejects.toBe(stop);
    expect(await count()).toBe(0);
    await routeIds([email]);
    expect(await count()).toBe(1);
  });
});

describe("the rulebook", () => {
  const insert = (key: string, given: { position: number; active?: boolean; templates?: object }) =>
    database.pool.query(
      "INSERT INTO routing_rules (id, key, position, active, document) VALUES ($1, $2, $3, $4, $5)",
      [
        newUuid(),
        key,
        given.position,
        given.active ?? true,
        { name: key, route: via("push"), templates: given.templates ?? {} },
      ],
    );

  it("has the active rules in their order, and the active versions of their templates", async () => {
    const read = createRulebookReader(database.pool);
    expect(await read()).toMatchObject({ routingRules: [], ruleTemplates: new Map() });
    const version = await database.seed.templateVersion();
    const { rows } = await database.pool.query<{ key: string }>("SELECT key FROM templates");
    const { key } = rows[0]!;
    await insert("second", { position: 2 });
    await insert("first", { position: 1, templates: { push: key, sms: "no-such" } });
    await insert("off", { position: 0, active: false });
    const found = await read();
    expect(found.routingRules.map((one) => one.key)).toEqual(["first", "second"]);
    expect(found.routingRules[0]).toMatchObject({ version: 1, when: null, final: true });
    expect(found.ruleTemplates).toEqual(new Map([[key, version]]));
    expect(await read()).toBe(found);
  });

  it("is read again when a rule changes, or a template that one names", async () => {
    const read = createRulebookReader(database.pool);
    await database.seed.templateVersion();
    const { rows } = await database.pool.query<{ key: string }>("SELECT key FROM templates");
    const { key } = rows[0]!;
    await insert("only", { position: 1, templates: { push: key } });
    const first = await read();
    await database.pool.query(
      "UPDATE routing_rules SET version = 2, document = document || '{\"final\":false}'",
    );
    const second = await read();
    expect([first, second].map(({ routingRules }) => routingRules[0])).toMatchObject([
      { version: 1, final: true },
      { version: 2, final: false },
    ]);
    await database.pool.query("UPDATE templates SET archived_at = now()");
    expect((await read()).ruleTemplates.size).toBe(0);
    await database.pool.query("DELETE FROM routing_rules");
    expect((await read()).routingRules).toEqual([]);
  });
});

describe("the first channel of a stage", () => {
  it("is the first one for which there is an address, or else the first one of all", async () => {
    const orders = fc.shuffledSubarray([...routedChannels], { minLength: 1 });
    const addresses = fc.record({
      email: fc.option(fc.constant("ada@example.org")),
      phone: fc.option(fc.constant("+14155550123")),
      others: fc.subarray([...routedChannels]),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(orders, fc.constant("preferred" as const)),
        addresses,
        async (via, { email, phone, others }) => {
          const { rows } = await database.pool.query<{ channel: string }>(
            "SELECT first_channel($1, $2, $3, $4::text[]::channel[]) AS channel",
            [JSON.stringify(via), email, phone, others],
          );
          const order: readonly string[] = via === "preferred" ? ["email", "push", "in_app"] : via;
          const hasAddress = (channel: string) =>
            channel === "in_app" ||
            (channel === "email"
              ? email !== null
              : channel === "sms"
                ? phone !== null
                : (others as readonly string[]).includes(channel));
          expect(rows[0]!.channel).toBe(order.find(hasAddress) ?? order[0]);
        },
      ),
      { numRuns: 200 },
    );
  });
});

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { audience, type RecipientFilter } from "../../domain/audience.ts";
import { audienceWhere } from "../../ledger/audience-sql.ts";
import { newUuid, publicId } from "../../domain/ids.ts";
import { createTestDatabase, type TestDatabase } from "../support/postgres.ts";
import { transactionLimits } from "../support/patience.ts";

/** What a filter means, said once more: over a recipient in memory, whose fields are as the columns are. */
interface Person {
  externalId: string;
  email: string | null;
  phone: string | null;
  timeZone: string;
  locale: string;
  attributes: Record<string, unknown>;
  createdAt: string;
  updatedAt: string;
  addressChannels: ("push" | "webhook")[];
  /** Of the one campaign there is. */
  delivery: "sent" | "delivered" | "unknown" | "failed" | null;
  /** To the one topic there is. */
  subscription: "pending" | "subscribed" | "unsubscribed" | null;
  /** How many days ago the last engagement was. */
  engagedDaysAgo: number | null;
}

let database: TestDatabase;
const campaign = newUuid();
const topic = newUuid();
beforeAll(async () => {
  database = await createTestDatabase();
  const { prisma } = database;
  const template = newUuid();
  const version = newUuid();
  await prisma.topic.create({ data: { id: topic, key: "news", name: "News" } });
  await prisma.template.create({ data: { id: template, key: "t", name: "T" } });
  await prisma.templateVersion.create({
    data: { id: version, templateId: template, version: 1, content: {}, variables: {} },
  });
  await prisma.campaign.create({
    data: { id: campaign, name: "C", templateVersionId: version, audience: {}, laneCount: 1 },
  });
});
afterAll(() => database.drop());

function holds(filter: RecipientFilter, person: Person): boolean {
  if ("all" in filter) return filter.all.every((part) => holds(part, person));
  if ("any" in filter) return filter.any.some((part) => holds(part, person));
  if ("not" in filter) return !holds(filter.not, person);
  if ("received" in filter) {
    const received = ["sent", "delivered", ...(filter.orUnknown ? ["unknown"] : [])];
    return (
      filter.received === publicId("campaign", campaign) &&
      person.delivery !== null &&
      received.includes(person.delivery)
    );
  }
  if ("engagement" in filter) {
    const days = person.engagedDaysAgo;
    if (days === null) return filter.engagement === "never";
    return filter.engagement === (days <= 30 ? "active" : days <= 90 ? "cooling" : "dormant");
  }
  if ("missed" in filter)
    return filter.missed === publicId("campaign", campaign) && person.delivery === "failed";
  if ("topic" in filter) return filter.topic === "news" && person.subscription === "subscribed";
  if ("reachableBy" in filter) {
    const { email, phone, addressChannels } = person;
    if (filter.reachableBy === "email") return email !== null;
    return filter.reachableBy === "sms"
      ? phone !== null
      : addressChannels.includes(filter.reachableBy);
  }
  if ("field" in filter && filter.field === "email" && !("exists" in filter))
    return holds({ ...foldEmail(filter), field: undefined, attribute: "email" } as never, {
      ...person,
      attributes: person.email === null ? {} : { email: fold(person.email) },
    });
  const value = "attribute" in filter ? within(person, filter.attribute) : person[filter.field];
  if ("includes" in filter)
    return Array.isArray(value) && (value as unknown[]).includes(filter.includes);
  if ("exists" in filter)
    return (value !== undefined && !("field" in filter && value === null)) === filter.exists;
  if ("equals" in filter) return value === filter.equals;
  if ("in" in filter) return (filter.in as unknown[]).includes(value);
  if ("from" in filter) return Date.parse(value as string) >= Date.parse(filter.from);
  if ("before" in filter) return Date.parse(value as string) < Date.parse(filter.before);
  if ("startsWith" in filter)
    return typeof value === "string" && value.startsWith(filter.startsWith);
  if ("endsWith" in filter) return typeof value === "string" && value.endsWith(filter.endsWith);
  if ("contains" in filter) return typeof value === "string" && value.includes(filter.contains);
  if (typeof value !== "number") return false;
  if ("greaterThan" in filter) return value > filter.greaterThan;
  if ("atLeast" in filter) return value >= filter.atLeast;
  if ("lessThan" in filter) return value < filter.lessThan;
  return value <= filter.atMost;
}

/** Email addresses are compared without case, in one form of Unicode, and whichever way their domain is spelt. */
const fold = (text: string) =>
  text.normalize("NFC").toLowerCase().replace("@bücher.example", "@xn--bcher-kva.example");

const foldEmail = (condition: object) =>
  Object.fromEntries(
    Object.entries({ ...condition, field: "" }).map(([name, value]: [string, unknown]) => [
      name,
      Array.isArray(value) ? value.map((one: string) => fold(one)) : fold(value as string),
    ]),
  );

function within({ attributes }: Person, path: string | string[]): unknown {
  let value: unknown = attributes;
  for (const key of [path].flat()) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    value = Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
  }
  return value;
}

// The values are few and unusual, so that conditions often match.
const word = fc.constantFrom("a", "A", "ab", "b%", "_", "\\", "é", "'", '"', "$1", "a b", "😀");
const key = fc.constantFrom("a", "b", "a.b", 'q"', "\\", "'", "$", "ü", "0");
const number = fc.constantFrom(-1.5, 0, 1, 2, 1e21, 1e-7, 12_345.678, -1e300);
const scalar = fc.oneof(word, number, fc.boolean(), fc.constant(null));
const instant = fc.constantFrom(
  "2027-03-01T09:00:00.000Z",
  "2027-03-01T09:00:00.001Z",
  "2027-03-01T10:00:00+01:00",
  "2027-07-01T00:00:00Z",
);
const path = fc.oneof(key, fc.array(key, { minLength: 1, maxLength: 3 }));
const field = fc.constantFrom("externalId", "phone", "timeZone", "locale");
const address = fc.constantFrom(
  "ada@example.org",
  "Ada@Example.ORG",
  "ADA@bücher.example",
  "ada@xn--bcher-kva.example",
  "a%a@example.org",
  "reneé@example.org",
  "@",
);
const partOfAddress = fc.oneof(
  address,
  fc.constantFrom(
    "a",
    "A",
    "@example.org",
    "@EXAMPLE.org",
    ".ORG",
    "@Bücher.example",
    "e\u0301@",
    "%",
  ),
);

const operations = (
  on: fc.Arbitrary<object>,
  equal: fc.Arbitrary<unknown>,
  parts: fc.Arbitrary<string> = word,
) => [
  ...["startsWith", "endsWith", "contains"].map((operator) =>
    fc.tuple(on, parts).map(([of, part]) => ({ ...of, [operator]: part })),
  ),
  fc.tuple(on, equal).map(([of, value]) => ({ ...of, equals: value })),
  fc
    .tuple(on, fc.array(equal, { minLength: 1, maxLength: 12 }))
    .map(([of, values]) => ({ ...of, in: values })),
  fc.tuple(on, fc.boolean()).map(([of, exists]) => ({ ...of, exists })),
];
const condition = fc.oneof(
  ...operations(
    path.map((attribute) => ({ attribute })),
    scalar,
  ),
  ...["greaterThan", "atLeast", "lessThan", "atMost"].map((operator) =>
    fc.tuple(path, number).map(([attribute, bound]) => ({ attribute, [operator]: bound })),
  ),
  ...operations(
    field.map((of) => ({ field: of })),
    word,
  ),
  ...operations(fc.constant({ field: "email" }), partOfAddress, partOfAddress),
  fc.tuple(path, scalar).map(([attribute, includes]) => ({ attribute, includes })),
  fc
    .tuple(fc.constantFrom("createdAt", "updatedAt"), fc.constantFrom("from", "before"), instant)
    .map(([of, operator, at]) => ({ field: of, [operator]: at })),
  fc.tuple(fc.constantFrom(campaign, newUuid()), fc.boolean()).map(([id, orUnknown]) => ({
    received: publicId("campaign", id),
    ...(orUnknown && { orUnknown: true as const }),
  })),
  fc.constantFrom("news", "other").map((of) => ({ topic: of })),
  fc.constantFrom("email", "push", "sms", "webhook").map((reachableBy) => ({ reachableBy })),
  fc.constantFrom(campaign, newUuid()).map((id) => ({ missed: publicId("campaign", id) })),
  fc.constantFrom("active", "cooling", "dormant", "never").map((engagement) => ({ engagement })),
) as fc.Arbitrary<RecipientFilter>;

const { filter } = fc.letrec<{ filter: RecipientFilter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    condition,
    fc.record({ not: tie("filter") }),
    fc.record({ all: fc.array(tie("filter"), { minLength: 1, maxLength: 3 }) }),
    fc.record({ any: fc.array(tie("filter"), { minLength: 1, maxLength: 3 }) }),
  ),
}));

const attributes = fc.dictionary(
  key,
  fc.oneof(scalar, fc.array(scalar, { maxLength: 2 }), fc.dictionary(key, scalar, { maxKeys: 3 })),
  { maxKeys: 4, noNullPrototype: true },
);
const millisecond = instant.map((at) => new Date(at).toISOString());
const person: fc.Arbitrary<Person> = fc.record({
  externalId: word,
  email: fc.option(address),
  phone: fc.option(word),
  timeZone: word,
  locale: word,
  attributes,
  createdAt: millisecond,
  updatedAt: millisecond,
  addressChannels: fc.subarray<"push" | "webhook">(["push", "webhook"]),
  delivery: fc.constantFrom("sent", "delivered", "unknown", "failed", null),
  subscription: fc.constantFrom("pending", "subscribed", "unsubscribed", null),
  engagedDaysAgo: fc.constantFrom(0, 30, 31, 90, 91, 400, null),
});

/** Whom the SQL finds, by their place in `people`. */
async function found(people: Person[], sql: { sql: string; values: string[] }): Promise<number[]> {
  const { prisma } = database;
  const ids = people.map(() => newUuid());
  return prisma
    .$transaction(async (tx) => {
      await tx.recipient.createMany({
        data: people.map(
          (
            { delivery: _delivery, subscription: _subscription, engagedDaysAgo: _days, ...row },
            n,
          ) => ({
            ...row,
            id: ids[n]!,
            attributes: row.attributes as object,
          }),
        ),
      });
      await tx.endedDelivery.createMany({
        data: people.flatMap(({ delivery }, n) =>
          delivery === null
            ? []
            : [
                {
                  id: newUuid(),
                  campaignId: campaign,
                  recipientId: ids[n]!,
                  channel: "email" as const,
                  priority: "normal" as const,
                  queue: "campaign/x/lane/0",
                  status: delivery,
                  reason: "as_generated",
                  finishedAt: new Date(),
                },
              ],
        ),
      });
      await tx.topicSubscription.createMany({
        data: people.flatMap(({ subscription }, n) =>
          subscription === null
            ? []
            : [
                {
                  id: newUuid(),
                  topicId: topic,
                  recipientId: ids[n]!,
                  status: subscription,
                  changedBy: "form",
                  requestedAt: new Date(),
                  subscribedAt: subscription === "subscribed" ? new Date() : null,
                  updatedAt: new Date(),
                },
              ],
        ),
      });
      for (const [n, { engagedDaysAgo: days }] of people.entries())
        if (days !== null)
          await tx.$executeRaw`INSERT INTO recipient_engagements VALUES (${ids[n]}::uuid, (ledger_now() AT TIME ZONE 'UTC')::date - ${days}::int)`;
      const rows = await tx.$queryRawUnsafe<{ id: string }[]>(
        `SELECT id FROM recipients r WHERE ${sql.sql}`,
        ...sql.values,
      );
      throw new Found(rows.map(({ id }) => ids.indexOf(id)).toSorted((a, b) => a - b));
    }, transactionLimits)
    .catch((error: unknown) => {
      if (error instanceof Found) return error.places;
      throw error;
    });
}

/** Ends a transaction so that nothing of it is kept. */
class Found extends Error {
  readonly places: number[];
  constructor(places: number[]) {
    super("found");
    this.places = places;
  }
}

const people = fc.uniqueArray(person, {
  minLength: 1,
  maxLength: 12,
  selector: ({ externalId }) => externalId,
});
const places = (all: Person[], is: (one: Person) => boolean) =>
  all.flatMap((one, n) => (is(one) ? [n] : []));

describe("a filter as SQL", () => {
  it("holds for exactly those it says", async () => {
    await fc.assert(
      fc.asyncProperty(filter, people, async (where, all) => {
        const sql = audienceWhere(audience.parse({ where }), new Map(), "r");
        expect(await found(all, sql)).toEqual(places(all, (one) => holds(where, one)));
      }),
      { numRuns: 300 },
    );
  });

  it("of an audience takes those of any included segment, of no excluded one, narrowed", async () => {
    const keys = ["s0", "s1", "s2"];
    const named = fc.uniqueArray(fc.constantFrom(...keys), { minLength: 1, maxLength: 2 });
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(filter, filter, filter),
        named,
        fc.option(named, { nil: undefined }),
        fc.option(filter, { nil: undefined }),
        people,
        async (filters, include, exclude, where, all) => {
          const segments = new Map(keys.map((name, n) => [name, filters[n]!]));
          const wanted = audience.parse({ include, exclude, where });
          const isOf = (one: Person) => (name: string) => holds(segments.get(name)!, one);
          expect(await found(all, audienceWhere(wanted, segments, "r"))).toEqual(
            places(
              all,
              (one) =>
                include.some(isOf(one)) &&
                !(exclude ?? []).some(isOf(one)) &&
                (where === undefined || holds(where, one)),
            ),
          );
        },
      ),
      { numRuns: 100 },
    );
  });
});

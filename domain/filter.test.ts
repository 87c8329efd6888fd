import { describe, expect, it } from "vitest";
import {
  matchesFilter,
  type MessageFacts,
  narrowToMessage,
  type RecipientFacts,
  replaceLocalTime,
  type RemainingFilter,
} from "./filter.ts";
import { routingFilter, type RoutingFilter } from "./policy/routing-filter.ts";

// A Monday in Berlin and Tokyo, and still Sunday evening in New York.
const sendAt = new Date("2027-03-01T00:30:00Z");

const message: MessageFacts = {
  type: "task.deadline",
  priority: "high",
  data: { order: { total: 1_200, items: ["book", 7], note: null }, "order.total": 5 },
  entityId: null,
  source: "campaign",
  sendAt,
};

const recipient: RecipientFacts = {
  externalId: "customer-17",
  email: "Ada@Example.org",
  phone: null,
  timeZone: "America/New_York",
  locale: "en",
  attributes: {},
  createdAt: sendAt,
  updatedAt: sendAt,
};

const holds = (filter: RoutingFilter, facts: Partial<MessageFacts> = {}) =>
  matchesFilter(routingFilter.parse(filter), { ...message, ...facts }, recipient);

describe("a condition on the message", () => {
  it.each<[RoutingFilter, boolean]>([
    [{ field: "type", equals: "task.deadline" }, true],
    [{ field: "type", startsWith: "report." }, false],
    [{ field: "priority", in: ["critical", "high"] }, true],
    [{ field: "source", equals: "notification" }, false],
    [{ field: "entityId", exists: false }, true],
    [{ field: "entityId", contains: "task" }, false],
    [{ not: { field: "entityId", contains: "task" } }, true],
    [{ data: ["order", "total"], atLeast: 1_200 }, true],
    [{ data: "order.total", lessThan: 6 }, true],
    [{ data: ["order", "items"], includes: 7 }, true],
    [{ data: ["order", "items", "0"], exists: true }, false],
    [{ data: ["order", "note"], equals: null }, true],
    [{ data: ["order", "note"], exists: true }, true],
    [{ data: "toString", exists: true }, false],
  ])("%j is %s", (filter, expected) => expect(holds(filter)).toBe(expected));

  it("on the type is false for a message without one", () => {
    expect(holds({ field: "type", contains: "task" }, { type: null })).toBe(false);
  });
});

describe("a condition on the local time", () => {
  it("is that of the recipient when the message is to be sent", () => {
    expect(holds({ field: "weekday", equals: "sunday" })).toBe(true);
    expect(holds({ field: "hour", equals: 19 })).toBe(true);
    expect(holds({ field: "hour", in: [0, 1] })).toBe(false);
    expect(
      holds({
        all: [
          { field: "hour", atLeast: 19 },
          { field: "hour", lessThan: 20 },
        ],
      }),
    ).toBe(true);
  });

  it("becomes a condition on the time zone, in which an unknown zone is UTC", () => {
    const zones = ["Europe/Berlin", "America/New_York", "Etc/UTC", "Nowhere/At_All"];
    const filter: RemainingFilter = { field: "weekday", equals: "monday" };
    expect(replaceLocalTime(filter, sendAt, zones)).toEqual({ zoneNotIn: ["America/New_York"] });
    expect(replaceLocalTime({ field: "weekday", equals: "sunday" }, sendAt, zones)).toEqual({
      zoneIn: ["America/New_York"],
    });
    expect(replaceLocalTime({ field: "hour", atMost: 23 }, sendAt, zones)).toBe(true);
  });
});

describe("what remains of a filter for the recipients of a message", () => {
  const open: RemainingFilter = { attribute: "plan", equals: "pro" };

  it("is the result where no recipient makes a difference", () => {
    expect(narrowToMessage({ any: [{ field: "priority", equals: "high" }, open] }, message)).toBe(
      true,
    );
    expect(narrowToMessage({ all: [open, { field: "priority", equals: "low" }] }, message)).toBe(
      false,
    );
    expect(narrowToMessage({ not: { field: "type", exists: true } }, message)).toBe(false);
  });

  it("is otherwise the conditions on the recipient", () => {
    const filter: RoutingFilter = {
      all: [
        { field: "priority", equals: "high" },
        { not: { any: [open, { field: "source", equals: "notification" }] } },
        { field: "hour", atLeast: 8 },
      ],
    };
    expect(narrowToMessage(filter, message)).toEqual({
      all: [{ not: open }, { field: "hour", atLeast: 8 }],
    });
  });
});

describe("a filter of a routing rule", () => {
  const refused = (filter: unknown) => routingFilter.safeParse(filter).success;

  it("has no conditions on campaigns, and the bounds of segments", () => {
    expect(refused({ received: "cmp_01jd3v8qyee7fr8xmcsnh5hbcd" })).toBe(false);
    expect(refused({ field: "hour", equals: 24 })).toBe(false);
    expect(refused({ field: "weekday", equals: "noday" })).toBe(false);
    const many = (count: number) => ({
      all: Array.from({ length: count }, () => ({ field: "type", equals: "a" })),
    });
    expect(refused(many(99))).toBe(true);
    expect(refused(many(100))).toBe(false);
    let deep: object = { field: "type", equals: "a" };
    for (let depth = 1; depth < 8; depth += 1) deep = { not: deep };
    expect(refused(deep)).toBe(true);
    expect(refused({ not: deep })).toBe(false);
  });
});

import { describe, expect, it } from "vitest";
import { recipientFilter } from "../../domain/audience.ts";
import { newCondition, parseFilter, writeFilter } from "./filter-node.ts";

const campaign = "cmp_01jd3v8qyee7fr8xmcsnh5hbcd";

describe("a filter", () => {
  it.each([
    { attribute: "plan", equals: "pro" },
    { attribute: "plan", equals: "20" },
    { attribute: "age", equals: 20 },
    { attribute: "name", equals: "true, or not" },
    { attribute: ["address", "city"], in: ["Bonn", "Köln, am Rhein", 3, null] },
    { attribute: "tags", includes: true },
    { attribute: "tags", exists: false },
    { attribute: "tags", exists: true },
    { attribute: "zip", startsWith: "53" },
    { attribute: "age", atLeast: 18 },
    { field: "email", endsWith: "@example.org" },
    { field: "locale", in: ["de", "de-AT"] },
    { field: "externalId", in: ["a, b", "20"] },
    { field: "phone", exists: false },
    { field: "createdAt", from: "2027-03-01T00:00:00.000Z" },
    { reachableBy: "push" },
    { received: campaign },
    { received: campaign, orUnknown: true },
    { missed: campaign },
    { engagement: "dormant" },
    { attribute: ["a.b", "c"], equals: 1 },
    { attribute: "a.b", exists: true },
    { all: [{ attribute: "a", equals: 1 }, { any: [{ field: "email", exists: true }] }] },
    { not: { attribute: "a", equals: 1 } },
    {
      not: {
        any: [
          { attribute: "a", equals: 1 },
          { attribute: "b", equals: 2 },
        ],
      },
    },
    {
      all: [
        {
          not: {
            all: [
              { attribute: "a", equals: 1 },
              { attribute: "b", equals: 2 },
            ],
          },
        },
      ],
    },
  ])("is the same after it was shown for editing: %j", (filter) => {
    expect(recipientFilter.safeParse(filter).success).toBe(true);
    expect(writeFilter(parseFilter(filter))).toEqual(filter);
  });

  it("leaves out what is not complete", () => {
    const complete = parseFilter({ attribute: "a", equals: 1 });
    const group = { kind: "group", join: "all", parts: [newCondition, complete] } as const;
    expect(writeFilter({ ...group, parts: [...group.parts] })).toEqual({
      all: [{ attribute: "a", equals: 1 }],
    });
    expect(writeFilter({ kind: "group", join: "any", parts: [newCondition] })).toBeNull();
  });

  it("takes a day for an instant", () => {
    const day = { ...newCondition, subject: "createdAt", operator: "before", value: "2027-03-01" };
    expect(writeFilter(day)).toEqual({ field: "createdAt", before: "2027-03-01T00:00:00.000Z" });
  });
});

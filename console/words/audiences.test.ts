import { expect, it } from "vitest";
import { describeAudience, describeFilter } from "./audiences.ts";

it("puts a filter into words, with brackets where they matter", () => {
  expect(
    describeFilter({
      all: [
        { attribute: ["address", "city"], equals: "Bonn" },
        {
          any: [
            { field: "email", exists: true },
            { attribute: "age", atLeast: 18 },
          ],
        },
        { not: { field: "locale", in: ["de", "fr"] } },
        { reachableBy: "push" },
      ],
    }),
  ).toBe(
    'address.city is "Bonn" and (email exists or age is at least 18) and not (locale is one of "de", "fr") and can be reached by push',
  );
  expect(describeFilter({ received: "cmp_01jd3v8qyee7fr8xmcsnh5hbcd", orUnknown: true })).toBe(
    "received cmp_…h5hbcd, or may have",
  );
});

it("puts an audience into a sentence", () => {
  expect(describeAudience({ all: true })).toBe("Everybody.");
  expect(
    describeAudience({
      include: ["pro", "trial"],
      where: { attribute: "plan", equals: null },
      exclude: ["staff"],
    }),
  ).toBe(
    "Everybody in one of the segments pro, trial for whom: plan is null, except those in staff.",
  );
});

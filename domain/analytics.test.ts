import fc from "fast-check";
import { expect, it } from "vitest";
import { noCounts, rateOf, ratesOf } from "./analytics.ts";

it("gives a rate the interval of Wilson", () => {
  // The example of R: prop.test(15, 148, correct = FALSE).
  const { low, high } = rateOf(15, 148);
  expect(low).toBeCloseTo(0.0624, 3);
  expect(high).toBeCloseTo(0.1605, 3);
});

it("has no rate without a denominator", () => {
  expect(rateOf(0, 0)).toMatchObject({ value: null, low: null, high: null });
});

it("keeps every rate within its interval, and the interval within 0 and 1", () => {
  fc.assert(
    fc.property(fc.nat(1_000), fc.nat(1_000), (a, b) => {
      const { value, low, high } = rateOf(a, b + 1);
      expect(0 <= low! && low! <= value! && value! <= high! && high! <= 1).toBe(true);
    }),
  );
});

it("counts a delivery that bounced later as handed over, and as not arrived", () => {
  const rates = ratesOf({
    ...noCounts(),
    sent: 90,
    delivered: 7,
    bounced: 3,
    failed: 3,
    opened: 50,
  });
  expect(rates.deliveryRate).toMatchObject({ numerator: 97, denominator: 100 });
  expect(rates.bounceRate).toMatchObject({ numerator: 3, denominator: 100 });
  expect(rates.openRate).toMatchObject({ numerator: 50, denominator: 97 });
});

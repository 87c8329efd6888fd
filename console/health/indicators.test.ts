import { expect, it } from "vitest";
import { describeThresholds, formatValue, scaleOf, worstFirst } from "./indicators.ts";
import type { Health, Indicator } from "./queries.ts";

const indicator = (more: Partial<Indicator>): Indicator => ({
  word: "good",
  value: 0,
  thresholds: null,
  unit: "deliveries",
  detail: "",
  advice: null,
  ...more,
});

it("formats values with their units", () => {
  expect(
    (
      [
        [null, "share"],
        [0.985, "share"],
        [90, "seconds"],
        [350, "milliseconds"],
        [2_500, "milliseconds"],
        [34_200, "milliseconds"],
        [12.4, "per_minute"],
        [1, "days"],
        [1_204, "deliveries"],
      ] as const
    ).map(([value, unit]) => formatValue(value, unit)),
  ).toEqual([
    "–",
    "98.5%",
    "1 min 30 s",
    "350 ms",
    "2.5 s",
    "34 s",
    "12 per min",
    "1 day",
    "1,204",
  ]);
});

it("says on which side of its thresholds an indicator gets worse", () => {
  expect(describeThresholds(indicator({ thresholds: { fair: 100, poor: 500 } }))).toBe(
    "Fair from 100, poor from 500",
  );
  expect(
    describeThresholds(indicator({ unit: "share", thresholds: { fair: 0.98, poor: 0.9 } })),
  ).toBe("Fair below 98%, poor below 90%");
  expect(describeThresholds(indicator({}))).toBeNull();
});

it("draws the value between its thresholds", () => {
  const scale = scaleOf(indicator({ value: 250, thresholds: { fair: 100, poor: 500 } }))!;
  expect([scale.fair < scale.value, scale.value < scale.poor, scale.poor < 1]).toEqual([
    true,
    true,
    true,
  ]);
  const low = scaleOf(
    indicator({ unit: "share", value: 0.5, thresholds: { fair: 0.98, poor: 0.9 } }),
  )!;
  expect([low.value, low.poor < low.fair]).toEqual([0, true]);
  expect(scaleOf(indicator({ value: null, thresholds: { fair: 1, poor: 2 } }))).toBeNull();
});

it("puts the worst first", () => {
  const indicators = {
    backlog: indicator({}),
    breakers: indicator({ word: "poor" }),
    latency: indicator({ word: "fair" }),
  } as Partial<Health["indicators"]> as Health["indicators"];
  expect(worstFirst(indicators)).toEqual(["breakers", "latency", "backlog"]);
});

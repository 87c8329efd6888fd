import { describe, expect, it } from "vitest";
import { failoverAfterMs, failoverTimes } from "./failover.ts";

const type = (failoverAfterSeconds: number | "by_priority" | null) => ({ failoverAfterSeconds });

describe("the time after which messages leave a channel that is out of service", () => {
  it("depends on their priority, with and without a type", () => {
    for (const by of [null, type("by_priority")]) {
      expect(failoverAfterMs(by, "critical")).toBe(60_000);
      expect(failoverAfterMs(by, "high")).toBe(300_000);
      expect(failoverAfterMs(by, "normal")).toBeNull();
      expect(failoverAfterMs(by, "low")).toBeNull();
    }
  });

  it("is that of their type whatever their priority, which may be never", () => {
    expect(failoverAfterMs(type(120), "low")).toBe(120_000);
    expect(failoverAfterMs(type(120), "critical")).toBe(120_000);
    expect(failoverAfterMs(type(null), "critical")).toBeNull();
  });

  it("of all types is known for each priority", () => {
    const types = [type(120), type(null), type(20), type("by_priority"), type(20)];
    expect(failoverTimes(types, "critical")).toEqual([20_000, 60_000, 120_000]);
    expect(failoverTimes(types, "low")).toEqual([20_000, 120_000]);
    expect(failoverTimes([], "normal")).toEqual([]);
  });
});

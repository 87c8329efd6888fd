import { expect, it } from "vitest";
import { deliveryRates, openAtEnds, sentByCampaigns } from "./trends.ts";

const stats = (...series: [Record<string, string>, number[]][]) => ({
  from: "2027-03-01T00:00:00.000Z",
  bucketSeconds: 3_600,
  series: series.map(([key, counts]) => ({ key, counts })),
});

const ended = stats(
  [{ status: "sent", source: "campaign" }, [8, 0, 2]],
  [{ status: "delivered", source: "notification" }, [1, 0, 0]],
  [{ status: "failed", source: "campaign" }, [1, 0, 2]],
  [{ status: "suppressed", source: "campaign" }, [5, 5, 5]],
);

it("rates what was sent against what failed, and has no rate for an hour without either", () => {
  expect(deliveryRates(ended)).toEqual([0.9, null, 0.5]);
});

it("counts what campaigns have sent", () => {
  expect(sentByCampaigns(ended)).toEqual([8, 0, 2]);
});

it("counts back from what is open now", () => {
  const created = stats([{}, [10, 0, 20]]);
  const gone = stats([{ status: "sent" }, [4, 6, 5]]);
  expect(openAtEnds(15, created, gone)).toEqual([6, 0, 15]);
});

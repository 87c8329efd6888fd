import { expect, it } from "vitest";
import { crash, passes } from "./crash.ts";

it("loses nothing, is never early, stops when told and repeats no more than promised when worker, Temporal and PostgreSQL are killed", async () => {
  const result = await crash({
    recipients: 300,
    kills: 1,
    slowServer: false,
    clockAhead: false,
    freeze: false,
    sigterm: false,
    environment: process.env,
    say: () => {},
  });
  expect(result).toMatchObject({
    lost: 0,
    early: 0,
    begunAfterStop: 0,
    ledgerDuplicates: 0,
    reconciled: true,
    discrepancies: [],
  });
  expect(passes(result)).toBe(true);
});

import { expect, it } from "vitest";
import { crash, passes } from "./crash.ts";

it("loses nothing and repeats no more than promised when worker, Temporal and PostgreSQL are killed", async () => {
  const result = await crash({
    recipients: 300,
    kills: 1,
    environment: process.env,
    say: () => {},
  });
  expect(result).toMatchObject({
    lost: 0,
    ledgerDuplicates: 0,
    reconciled: true,
    discrepancies: [],
  });
  expect(passes(result)).toBe(true);
});

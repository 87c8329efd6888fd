import { expect, it } from "vitest";
import { crash, type CrashOptions, passes } from "./crash.ts";
import { canMakeSmallDisk } from "./small-disk.ts";

const plain: CrashOptions = {
  recipients: 300,
  kills: 0,
  slowServer: false,
  clockAhead: false,
  freeze: false,
  sigterm: false,
  diskFull: false,
  restartAtOnce: false,
  environment: process.env,
  say: () => {},
};

it("loses nothing, is never early, begins nothing after a stop and repeats no more than promised when worker, Temporal and PostgreSQL are killed", async () => {
  const result = await crash({ ...plain, kills: 1 });
  expect(result).toMatchObject({
    lost: 0,
    early: 0,
    begunAfterStop: 0,
    ledgerDuplicates: 0,
    reconciled: true,
    discrepancies: [],
    countDifferences: [],
  });
  expect(passes(result)).toBe(true);
});

it.runIf(canMakeSmallDisk())(
  "loses nothing and repeats no more than promised while its disk is full, and goes on by itself",
  async () => {
    const result = await crash({ ...plain, diskFull: true });
    expect(result).toMatchObject({
      lost: 0,
      reconciled: true,
      discrepancies: [],
      countDifferences: [],
    });
    expect(passes(result)).toBe(true);
  },
);

it("starts at once on what it left when all of it is killed, and loses nothing", async () => {
  const result = await crash({ ...plain, restartAtOnce: true });
  expect(result).toMatchObject({
    lost: 0,
    reconciled: true,
    discrepancies: [],
    countDifferences: [],
  });
  expect(passes(result)).toBe(true);
});

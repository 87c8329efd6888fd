import { defineConfig } from "vitest/config";

// Two cores are the common case, and servers need theirs.
const maxWorkers = 2;

const patience = { testTimeout: 30_000, hookTimeout: 60_000 };

const globalSetup = ["test/support/postgres.ts", "test/support/temporal.ts"];

export default defineConfig({
  test: {
    maxWorkers,
    projects: [
      {
        test: {
          name: "unit",
          include: [
            "{activities,api,cli,config,domain,ledger,lib,prisma,workers,workflows}/**/*.test.ts",
          ],
        },
      },
      {
        test: {
          name: "servers",
          include: ["test/**/*.test.ts"],
          globalSetup,
          ...patience,
        },
      },
      {
        // Not of `npm test`: `npm run record-histories`.
        test: {
          name: "record",
          include: ["test/replay/record.ts"],
          globalSetup,
        },
      },
    ],
  },
});

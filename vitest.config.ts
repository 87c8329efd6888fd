import { defineConfig } from "vitest/config";
import { patience, testMs } from "./test/support/patience.ts";

// Two cores are the common case, and servers need theirs.
const maxWorkers = 2;

/** What every project has: vitest takes nothing of this from above its projects. */
const common = {
  // Importing the sources again for each file would take longer than the tests. No file leaves state for the next one.
  isolate: false,
  testTimeout: testMs,
  hookTimeout: testMs,
  expect: { poll: patience },
  // As API and workers have it.
  env: { TZ: "UTC" },
};

const globalSetup = ["test/support/postgres.ts", "test/support/temporal.ts"];

export default defineConfig({
  test: {
    maxWorkers,
    projects: [
      {
        test: {
          ...common,
          name: "unit",
          // Unit tests are next to the files that they test, in any folder.
          include: ["**/*.test.ts"],
          exclude: ["{dist,node_modules,test}/**"],
        },
      },
      {
        test: {
          ...common,
          name: "servers",
          include: ["test/**/*.test.ts"],
          exclude: ["test/{browser,peers}/**"],
          globalSetup,
        },
      },
      {
        // `npm run test:peers`: programs that nobody here wrote, some of them slow, some not on every machine.
        test: {
          ...common,
          name: "peers",
          include: ["test/peers/**/*.test.ts"],
          globalSetup,
        },
      },
      {
        // `npm run test:browser`.
        test: {
          ...common,
          name: "browser",
          include: ["test/browser/**/*.test.ts"],
          globalSetup,
        },
      },
      {
        // `npm run record-histories`.
        test: {
          ...common,
          name: "record",
          include: ["test/replay/record.ts"],
          globalSetup,
        },
      },
    ],
  },
});

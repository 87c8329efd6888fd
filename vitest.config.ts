import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { patience, testMs } from "./test/support/patience.ts";

// Two cores are the common case, and servers need theirs.
const maxWorkers = 2;

/** The files that take longest, mostly by waiting for processes: they begin first, so that none of them runs alone at the end. */
const longest = [
  "test/crash/crash",
  "test/policy/stack",
  "test/cli/start",
  "test/observability/processes",
  "test/cli/broken-files",
  "test/activities/channels",
  "test/docs/runbook",
  "test/api/preview",
  "test/api/properties",
  "test/temporal/workflows",
].map((name) => `${name}.test.ts`);

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rankOf = ({ moduleId }: TestSpecification) => {
      const rank = longest.findIndex((name) => moduleId.endsWith(name));
      return rank === -1 ? longest.length : rank;
    };
    return (await super.sort(files)).toSorted((one, other) => rankOf(one) - rankOf(other));
  }
}

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
    sequence: { sequencer: LongestFirst },
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

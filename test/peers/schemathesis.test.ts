import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { apiKey } from "../api/harness.ts";
import {
  leastRequests,
  type PopulatedServer,
  seed,
  startPopulatedServer,
} from "../api/populated-server.ts";
import { runSchemathesis } from "../support/schemathesis.ts";

let server: PopulatedServer;
beforeAll(async () => {
  server = await startPopulatedServer();
});
afterAll(() => server.stop());

/** Some fifteen thousand requests. */
const allMs = 900_000;

describe("whatever is sent", () => {
  it(
    "is answered as the document says, to Schemathesis",
    async () => {
      const { document, url, arrived } = server;
      const found = await runSchemathesis({ document, url, apiKey, seed });
      server.report("Schemathesis");
      expect(arrived.failures).toEqual([]);
      expect(found).toEqual({ verdict: "conforms" });
      expect(arrived.count).toBeGreaterThanOrEqual(leastRequests);
    },
    allMs,
  );
});

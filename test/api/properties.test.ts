import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createConformance } from "../support/conformance.ts";
import { type Document, operationsOf } from "../support/openapi.ts";
import { type RandomRequest, requestsOf } from "../support/random-requests.ts";
import { apiKey } from "./harness.ts";
import {
  leastRequests,
  type PopulatedServer,
  seed,
  startPopulatedServer,
} from "./populated-server.ts";

let server: PopulatedServer;
beforeAll(async () => {
  server = await startPopulatedServer();
});
beforeEach(() => server.forget());
afterAll(() => server.stop());

const ask = async ({ method, path, headers, body }: RandomRequest) => {
  const secret = path.startsWith("/v1/me/") ? server.recipientToken : apiKey;
  const response = await fetch(server.url + path, {
    method,
    redirect: "manual",
    headers: { authorization: `Bearer ${secret}`, ...headers },
    ...(body !== undefined && { body }),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
};

describe("whatever is sent", () => {
  it("is answered as the document says, to fast-check", async () => {
    const { document, arrived } = server;
    const conforms = createConformance(document);
    const operations = operationsOf(document);
    const numRuns = Math.ceil((leastRequests * 1.25) / operations.length);
    const faults: unknown[] = [];
    for (const operation of operations) {
      const property = fc.asyncProperty(requestsOf(operation, document), async (request) => {
        const found = conforms(operation, await ask(request));
        if (found.length > 0) throw new Error(found.join("\n"));
      });
      const { failed, counterexample, errorInstance } = await fc.check(property, { seed, numRuns });
      if (failed) faults.push({ counterexample, fault: String(errorInstance) });
    }
    server.report("fast-check");
    expect(faults).toEqual([]);
    expect(arrived.failures).toEqual([]);
    expect(arrived.count).toBeGreaterThanOrEqual(numRuns * operations.length);
  });
});

describe("an answer that is not as the document says", () => {
  const list = (document: Document) =>
    operationsOf(document).find(({ operationId }) => operationId === "getCampaigns")!;
  const faultsBy = async (change: (text: string) => string) => {
    const changed = JSON.parse(change(JSON.stringify(server.document))) as Document;
    const request = { method: "GET", path: "/v1/campaigns", headers: {}, body: undefined };
    return createConformance(changed)(list(changed), await ask(request));
  };

  it.each<[string, (text: string) => string]>([
    [
      "is off its schema",
      (text) => text.replaceAll('"createdBy":{"type":"string"', '"createdBy":{"type":"integer"'),
    ],
    ["lacks a header", (text) => text.replaceAll('"RateLimit":{"$ref', '"Rate-Limit":{"$ref')],
    ["is of another type", (text) => text.replaceAll('"application/json"', '"application/xml"')],
    [
      "has another status",
      (text) =>
        text.replaceAll('"200":', '"299":').replaceAll('"default":{"$ref"', '"298":{"$ref"'),
    ],
  ])("is noticed where it %s", async (_, change) => {
    expect(await faultsBy((text) => text)).toEqual([]);
    expect(await faultsBy(change)).not.toEqual([]);
  });
});

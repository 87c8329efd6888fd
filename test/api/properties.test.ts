import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createConformance } from "../support/conformance.ts";
import { listen } from "../support/listening.ts";
import { type Document, operationsOf } from "../support/openapi.ts";
import { type RandomRequest, requestsOf } from "../support/random-requests.ts";
import { findSchemathesis, runSchemathesis } from "../support/schemathesis.ts";
import { type Api, apiKey, startApi } from "./harness.ts";
import { namingKnown, populate } from "./populated.ts";

/** The same requests every time, unless another seed is asked for. */
const seed = Number(process.env["PROPERTIES_SEED"] ?? 20261124);
/** Requests that have to arrive, of whichever program makes them. */
const leastRequests = 2_000;

const schemathesis = findSchemathesis();
process.stderr.write(
  schemathesis === null
    ? `Properties of the API: by fast-check with seed ${seed}; Schemathesis is not on PATH, and SCHEMATHESIS_PATH names none.\n`
    : `Properties of the API: by ${schemathesis} with seed ${seed}.\n`,
);

let api: Api;
let document: Document;
let server: Awaited<ReturnType<typeof listen>>;
let recipientToken: string;
/** What arrived since a test began: how often each status was the answer, and what failed. */
const arrived = { count: 0, statuses: {} as Record<number, number>, failures: [] as string[] };

beforeAll(async () => {
  api = await startApi();
  document = namingKnown((await api.send("GET", "/openapi.json")).body, await populate(api));
  const issued = await api.send("POST", "/v1/recipients/u1/preference-tokens");
  recipientToken = issued.body.token;
  server = await listen(async (request) => {
    arrived.count += 1;
    const response = await api.app.fetch(request);
    arrived.statuses[response.status] = (arrived.statuses[response.status] ?? 0) + 1;
    if (response.status >= 500)
      arrived.failures.push(`${request.method} ${request.url} answered ${response.status}`);
    return response;
  });
});
beforeEach(() => Object.assign(arrived, { count: 0, statuses: {}, failures: [] }));
afterAll(async () => {
  await server.close();
  await api.stop();
});

const ask = async ({ method, path, headers, body }: RandomRequest) => {
  const secret = path.startsWith("/v1/me/") ? recipientToken : apiKey;
  const response = await fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${secret}`, ...headers },
    ...(body !== undefined && { body }),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
};

const tell = (who: string) =>
  process.stderr.write(
    `${who} made ${arrived.count} requests, answered by ${JSON.stringify(arrived.statuses)}.\n`,
  );

describe("whatever is sent", () => {
  it.skipIf(schemathesis === null)(
    "is answered as the document says, to Schemathesis",
    async () => {
      const found = await runSchemathesis(schemathesis!, {
        document,
        url: server.url,
        apiKey,
        seed,
      });
      tell("Schemathesis");
      expect(arrived.failures).toEqual([]);
      expect(found).toEqual({ verdict: "conforms" });
      expect(arrived.count).toBeGreaterThanOrEqual(leastRequests);
    },
  );

  it("is answered as the document says, to fast-check", async () => {
    const conforms = createConformance(document);
    const operations = operationsOf(document);
    // Where Schemathesis does it these only see that the requests made here are still good ones.
    const numRuns =
      schemathesis === null ? Math.ceil((leastRequests * 1.25) / operations.length) : 5;
    const faults: unknown[] = [];
    for (const operation of operations) {
      const property = fc.asyncProperty(requestsOf(operation, document), async (request) => {
        const found = conforms(operation, await ask(request));
        if (found.length > 0) throw new Error(found.join("\n"));
      });
      const { failed, counterexample, errorInstance } = await fc.check(property, { seed, numRuns });
      if (failed) faults.push({ counterexample, fault: String(errorInstance) });
    }
    tell("fast-check");
    expect(faults).toEqual([]);
    expect(arrived.failures).toEqual([]);
    expect(arrived.count).toBeGreaterThanOrEqual(numRuns * operations.length);
  });
});

describe("an answer that is not as the document says", () => {
  const list = (document: Document) =>
    operationsOf(document).find(({ operationId }) => operationId === "getCampaigns")!;
  const faultsBy = async (change: (text: string) => string) => {
    const changed = JSON.parse(change(JSON.stringify(document))) as Document;
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

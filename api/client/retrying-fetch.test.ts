import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { createRetryingFetch } from "./retrying-fetch.ts";

let server: Server | undefined;
afterEach(() => server?.close());

/** Starts a server that answers each request with the next of `answers`, and repeats the last one. `undefined` breaks the connection. */
async function serve(...answers: ({ status: number; retryAfter?: number } | undefined)[]) {
  let asked = 0;
  const listener: RequestListener = (request, response) => {
    const answer = answers[Math.min(asked++, answers.length - 1)];
    if (!answer) return void request.socket.destroy();
    const { status, retryAfter } = answer;
    response.writeHead(
      status,
      retryAfter === undefined ? {} : { "retry-after": String(retryAfter) },
    );
    response.end("{}");
  };
  server = createServer(listener).listen(0, "127.0.0.1");
  await new Promise((resolve) => server!.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, asked: () => asked };
}

const fetch = createRetryingFetch({ patienceMs: 2_000, timeoutMs: 1_000 });
const keyed = { method: "POST", body: "{}", headers: { "idempotency-key": "a" } };

describe("a request that is repeated", () => {
  it.each([
    ["a GET that broke off", {}, undefined],
    ["a GET while the service is not available", {}, { status: 503 }],
    ["a PUT that broke off", { method: "PUT", body: "{}" }, undefined],
    ["a POST with a key that broke off", keyed, undefined],
    ["a POST with a key that is in use", keyed, { status: 409, retryAfter: 0 }],
    ["a POST beyond a limit", { method: "POST", body: "{}" }, { status: 429, retryAfter: 0 }],
  ])("is %s", async (_, init, first) => {
    const { url, asked } = await serve(first, { status: 200 });
    expect((await fetch(url, init)).status).toBe(200);
    expect(asked()).toBe(2);
  });

  it("ends with the last response when patience is over", async () => {
    const { url, asked } = await serve({ status: 503 });
    const impatient = createRetryingFetch({ patienceMs: 400, timeoutMs: 1_000 });
    expect((await impatient(url)).status).toBe(503);
    expect(asked()).toBeGreaterThan(1);
  });

  it("is not repeated if the wait is longer than patience", async () => {
    const { url, asked } = await serve({ status: 429, retryAfter: 60 });
    expect((await fetch(url)).status).toBe(429);
    expect(asked()).toBe(1);
  });

  it("ends when its caller aborts it", async () => {
    const { url } = await serve({ status: 503, retryAfter: 1 });
    const signal = AbortSignal.timeout(50);
    await expect(fetch(url, { signal })).rejects.toThrow(/abort/i);
  });
});

describe("a request that is not repeated", () => {
  it.each([
    ["a POST without a key that broke off", { method: "POST", body: "{}" }, undefined],
    ["a POST without a key", { method: "POST", body: "{}" }, { status: 503 }],
    ["a conflict", keyed, { status: 409 }],
    ["a success", keyed, { status: 201 }],
    ["an invalid request", {}, { status: 422 }],
    [
      "a stream",
      { method: "PUT", body: new Blob(["a"]).stream(), duplex: "half" as const },
      { status: 503 },
    ],
  ])("is %s", async (_, init, first) => {
    const { url, asked } = await serve(first, { status: 200 });
    const outcome = await fetch(url, init).then(
      ({ status }) => ({ status }),
      () => undefined,
    );
    expect(outcome).toEqual(first);
    expect(asked()).toBe(1);
  });
});

import { once } from "node:events";
import { request } from "node:http";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type ApiProcess, startApiProcess } from "../support/api-process.ts";
import { createTestDatabase, type TestDatabase } from "../support/postgres.ts";
import { apiKey } from "./harness.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const children: ApiProcess[] = [];
afterEach(() => {
  for (const { child } of children.splice(0)) child.kill("SIGKILL");
});

function start(environment: Record<string, string> = {}) {
  const started = startApiProcess(database.url, environment);
  children.push(started);
  return started;
}

const authorization = `Bearer ${apiKey}`;

describe("the API process", () => {
  it("names every fault of its configuration and ends", async () => {
    const { exited } = start({ TIDINGS_API_KEY: "short", API_PORT: "many" });
    const { code, output } = await exited;
    expect(code).toBe(1);
    expect(output()).toContain("TIDINGS_API_KEY must have at least 24 characters");
    expect(output()).toContain("API_PORT must be");
  });

  it("serves without Temporal, and says so", async () => {
    const url = await start().ready;
    expect(await (await fetch(`${url}/readyz`)).json()).toEqual({
      status: "degraded",
      database: "up",
      temporal: "down",
    });
  });

  it("lets a request under way end when it is told to stop, and takes no other", async () => {
    const { child, exited, ready } = start();
    const url = await ready;
    const upload = request(`${url}/v1/recipients/import`, {
      method: "POST",
      headers: {
        authorization,
        "content-type": "application/x-ndjson",
        "transfer-encoding": "chunked",
      },
    });
    const answered = once(upload, "response");
    for (let i = 0; i < 1_000; i += 1) upload.write(`{"externalId":"d${i}"}\n`);
    while ((await database.prisma.recipient.count()) < 1_000)
      await new Promise((again) => setTimeout(again, 20));
    child.kill("SIGTERM");
    while (
      await fetch(`${url}/healthz`).then(
        () => true,
        () => false,
      )
    )
      await new Promise((again) => setTimeout(again, 20));
    upload.end('{"externalId":"last"}\n');
    const [response] = await answered;
    expect(response.statusCode).toBe(200);
    response.resume();
    expect((await exited).code).toBe(0);
    expect(await database.prisma.recipient.count()).toBe(1_001);
  });

  it("ends when its launcher does", async () => {
    const { child, exited, ready } = start();
    await ready;
    child.disconnect();
    expect((await exited).code).toBe(0);
  });
});

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type ApiProcess, startApiProcess } from "../support/api-process.ts";
import { createTestDatabase, type TestDatabase } from "../support/postgres.ts";
import { writeZoneFolder } from "../../lib/zone-folder.testing.ts";
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
      sealing: "off",
    });
  });

  it.each(["Europe/Berlin", "America/Los_Angeles"])(
    "runs in UTC and goes by the machine's time zone data, on a host in %s",
    async (host) => {
      const root = mkdtempSync(join(tmpdir(), "tidings-zones-"));
      onTestFinished(() => rmSync(root, { recursive: true }));
      const folder = join(root, "zoneinfo");
      writeZoneFolder(folder, { version: "2099a", zones: { "America/Vancouver": "MST7" } });
      const url = await start({ TZ: host, TZDIR: folder }).ready;
      const headers = { authorization, "content-type": "application/json" };
      const post = (path: string, body: object) =>
        fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) });
      const key = `zones-${host.replace(/\W/, "-").toLowerCase()}`;
      const html =
        '{{ at | date: "%H:%M" }} {{ day | date: "%d.%m.", "America/New_York" }} {{ winter | date: "%H:%M", "America/Vancouver" }}';
      const content = { email: { subject: "S", html } };
      const variables = { type: "object", additionalProperties: true, properties: {} };
      const made = await post("/v1/templates", { key, name: "Zones", content, variables });
      expect([made.status, made.ok ? null : await made.text()]).toEqual([201, null]);
      const data = { at: "2026-07-01 12:00", day: "2026-07-01", winter: "2026-11-15T12:00:00Z" };
      const preview = await post(`/v1/templates/${key}/preview`, { data });
      expect(await preview.json()).toMatchObject({ html: "12:00 01.07. 05:00" });
      const health = await fetch(`${url}/v1/health`, { headers });
      expect(await health.json()).toMatchObject({
        timeZoneData: { version: "2099a", source: "system" },
      });
    },
  );

  it("finishes its requests on SIGTERM, and accepts no others", async () => {
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

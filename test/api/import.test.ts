import { request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { serve } from "@hono/node-server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Api, apiKey, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

/** What is held is counted, and not what is left lying about. */
setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const csv = { "content-type": "text/csv; charset=utf-8" };
const ndjson = { "content-type": "application/x-ndjson" };
const path = "/v1/recipients/import";

describe("an import", () => {
  it("of CSV keeps the good lines and reports the bad ones", async () => {
    const file = [
      "external_id,email,time_zone,locale,attributes.name,attributes.city",
      'c1,c1@example.org,Europe/Berlin,de-de,"Müller, Anna","Köln ""Süd"""',
      "c2,not an address,Mars/Olympus,de,B,",
      "c3,c3@example.org",
      "c3,c3@example.org,,,,,more",
      ",c4@example.org,,,,",
      "rcp_5,,,,,",
      "c6,,,,,",
      'c7,c7@example.org,,,"never closed,',
      "c8,c8@example.org,UTC,en,C,D",
    ].join("\r\n");
    const { status, body } = await api.send("POST", path, file, csv);
    expect(status).toBe(200);
    expect(body).toMatchObject({ mode: "merge", lines: 9, imported: 4, created: 4, failed: 5 });
    expect(
      body.errors.map(({ line, field }: { line: number; field: string }) => [line, field]),
    ).toEqual([
      [3, "email"],
      [3, "time_zone"],
      [5, ""],
      [6, "external_id"],
      [7, "external_id"],
      [9, ""],
    ]);
    const { body: recipient } = await api.send("GET", "/v1/recipients/c1");
    expect(recipient).toMatchObject({
      email: "c1@example.org",
      timeZone: "Europe/Berlin",
      locale: "de-DE",
      attributes: { name: "Müller, Anna", city: 'Köln "Süd"' },
    });
    expect((await api.send("GET", "/v1/recipients/c6")).body).toMatchObject({
      email: null,
      timeZone: "UTC",
      attributes: {},
    });
    expect((await api.send("GET", "/v1/recipients/c8")).status).toBe(200);
  });

  it("of NDJSON keeps the good lines and reports the bad ones", async () => {
    const file = [
      '{"externalId":"n1","attributes":{"age":40,"tags":["a"]}}',
      "{",
      '{"externalId":"n2","attributes":{"a":"\\u0000"}}',
      "",
      '{"externalId":"n3","emial":"x"}',
      "null",
      '{"externalId":"n4"}',
    ].join("\n");
    const { body } = await api.send("POST", path, file, ndjson);
    expect(body).toMatchObject({ lines: 6, imported: 2, failed: 4 });
    expect(body.errors).toEqual([
      { line: 2, field: "", message: "is not JSON" },
      { line: 3, field: "/attributes/a", message: expect.stringContaining("U+0000") },
      { line: 5, field: "/emial", message: expect.stringContaining("is unknown") },
      { line: 6, field: "", message: expect.stringContaining("must be an object") },
    ]);
    expect((await api.send("GET", "/v1/recipients/n1")).body.attributes).toEqual({
      age: 40,
      tags: ["a"],
    });
  });

  it("takes two lines for one person one after the other, in one batch and across batches", async () => {
    const lines = Array.from({ length: 2_500 }, (_, i) =>
      JSON.stringify({ externalId: `d${i % 1_250}`, attributes: { round: i < 1_250 ? 1 : 2 } }),
    );
    lines.push(JSON.stringify({ externalId: "d7", email: "d7@example.org" }));
    const { body } = await api.send("POST", path, lines.join("\n"), ndjson);
    expect(body).toEqual({
      mode: "merge",
      lines: 2_501,
      imported: 2_501,
      created: 1_250,
      changed: 1_251,
      unchanged: 0,
      failed: 0,
      errors: [],
      hints: [],
    });
    expect((await api.send("GET", "/v1/recipients/d1249")).body.attributes).toEqual({ round: 2 });
    expect((await api.send("GET", "/v1/recipients/d7")).body).toMatchObject({
      email: "d7@example.org",
      attributes: { round: 2 },
    });
    expect(await api.prisma.recipient.count({ where: { externalId: { startsWith: "d" } } })).toBe(
      1_250,
    );
  });

  it("by two at once of the same people in another order ends without a deadlock", async () => {
    const lines = Array.from({ length: 3_000 }, (_, i) => `p${i}`);
    const files = [lines, [...lines].reverse()].map((ids) => ["external_id", ...ids].join("\n"));
    const replies = await Promise.all(files.map((file) => api.send("POST", path, file, csv)));
    expect(replies.map(({ body }) => body.imported)).toEqual([3_000, 3_000]);
  });

  const stored = {
    email: "keeper@example.org",
    phone: "+4915112345678",
    timeZone: "Europe/Berlin",
    locale: "de-DE",
    attributes: { plan: "pro", address: { city: "Köln", zip: "50667" }, tags: ["a"] },
  };
  const read = async () => (await api.send("GET", "/v1/recipients/keeper")).body;

  it.each<[string, string, Record<string, string>, object]>([
    [
      "a CSV column",
      "external_id,email\nkeeper,new@example.org",
      csv,
      { email: "new@example.org" },
    ],
    ["an empty cell", "external_id,email,phone,locale,attributes.plan\nkeeper,,,,", csv, {}],
    [
      "an attribute of CSV",
      "external_id,attributes.plan\nkeeper,team",
      csv,
      { attributes: { ...stored.attributes, plan: "team" } },
    ],
    ["a field of NDJSON", '{"externalId":"keeper","locale":"fr"}', ndjson, { locale: "fr" }],
    [
      "attributes of NDJSON",
      '{"externalId":"keeper","attributes":{"address":{"zip":null,"street":"Ring 1"},"tags":["b"]}}',
      ndjson,
      {
        attributes: { plan: "pro", address: { city: "Köln", street: "Ring 1" }, tags: ["b"] },
      },
    ],
    [
      "nulls",
      '{"externalId":"keeper","phone":null,"timeZone":null,"attributes":null}',
      ndjson,
      { phone: null, timeZone: "UTC", attributes: {} },
    ],
  ])("changes what it names and keeps the rest: %s", async (_, file, type, change) => {
    await api.send("PUT", "/v1/recipients/keeper", stored);
    const { body } = await api.send("POST", path, file, type);
    const changed = Object.keys(change).length > 0;
    expect(body).toMatchObject({
      mode: "merge",
      imported: 1,
      created: 0,
      changed: Number(changed),
      unchanged: Number(!changed),
    });
    expect(await read()).toMatchObject({ ...stored, ...change });
  });

  it("replaces recipients if requested, and reports this mode", async () => {
    await api.send("PUT", "/v1/recipients/keeper", stored);
    const file = "external_id,email,locale\nkeeper,new@example.org,";
    const { body } = await api.send("POST", `${path}?mode=replace`, file, csv);
    expect(body).toMatchObject({ mode: "replace", changed: 1 });
    expect(await read()).toMatchObject({
      email: "new@example.org",
      phone: null,
      timeZone: "UTC",
      locale: "en",
      attributes: {},
    });
    expect((await api.send("POST", `${path}?mode=update`, file, csv)).status).toBe(422);
  });

  it("leaves who is so already as they were", async () => {
    await api.send("PUT", "/v1/recipients/keeper", stored);
    const before = await api.send("GET", "/v1/recipients/keeper");
    const line = JSON.stringify({ externalId: "keeper", ...stored });
    const { body } = await api.send("POST", `${path}?mode=replace`, `${line}\n${line}`, ndjson);
    expect(body).toMatchObject({ imported: 2, created: 0, changed: 0, unchanged: 2 });
    const after = await api.send("GET", "/v1/recipients/keeper");
    expect([after.body, after.headers.get("etag")]).toEqual([
      before.body,
      before.headers.get("etag"),
    ]);
  });

  it("refuses a line that makes attributes too long together with what is kept, and takes its neighbours", async () => {
    await api.send("PUT", "/v1/recipients/keeper", { attributes: { a: "x".repeat(9_000) } });
    const file = ["x", "b", "y"].map((name) =>
      JSON.stringify({
        externalId: name === "b" ? "keeper" : `neighbour-${name}`,
        attributes: { b: "x".repeat(9_000) },
      }),
    );
    const { body } = await api.send("POST", path, file.join("\n"), ndjson);
    expect(body).toMatchObject({ imported: 2, created: 2, failed: 1 });
    expect(body.errors).toEqual([
      {
        line: 2,
        field: "/attributes",
        message: expect.stringContaining("together with the stored"),
      },
    ]);
  });

  it("loses nothing of two that create the same people at once with different columns", async () => {
    const ids = Array.from({ length: 1_000 }, (_, i) => `both-${i}`);
    const replies = await Promise.all([
      api.send(
        "POST",
        path,
        ["external_id,email", ...ids.map((id) => `${id},${id}@example.org`)].join("\n"),
        csv,
      ),
      api.send(
        "POST",
        path,
        ["external_id,attributes.plan", ...ids.toReversed().map((id) => `${id},pro`)].join("\n"),
        csv,
      ),
    ]);
    expect(replies.map(({ body }) => body.created + body.changed)).toEqual([1_000, 1_000]);
    const people = await api.prisma.recipient.findMany({
      where: { externalId: { startsWith: "both-" } },
    });
    expect(people).toHaveLength(1_000);
    for (const { externalId, email, attributes } of people)
      expect([email, attributes]).toEqual([`${externalId}@example.org`, { plan: "pro" }]);
  });

  it.each([
    ["nothing", "", "is empty"],
    ["no external_id", "email\na@b", "without the column external_id"],
    ["an unknown column", "external_id,mail\n1,a@b", '"mail"'],
    ["a column twice", "external_id,email,email\n", "both fill email"],
  ])("of CSV with %s is refused as a whole", async (_, file, message) => {
    const { status, body } = await api.send("POST", path, file, csv);
    expect(status).toBe(422);
    expect(body.errors[0].message).toContain(message);
  });

  it("of another type is refused", async () => {
    expect(
      (await api.send("POST", path, "[]", { "content-type": "application/json" })).status,
    ).toBe(415);
  });

  it("of a number that a double cannot hold, or a name twice, names the place", async () => {
    const file = [
      '{"externalId":"exact","attributes":{"n":9007199254740993}}',
      '{"externalId":"exact","attributes":{"list":[1,1e-400]}}',
      '{"externalId":"exact","email":"a@example.org","email":"b@example.org"}',
      '{"externalId":"exact","attributes":{"__proto__":{"x":1}}}',
      '{"externalId":"exact","attributes":{"n":9007199254740991}}',
    ].join("\n");
    const { body } = await api.send("POST", path, file, ndjson);
    expect(body).toMatchObject({ imported: 1, failed: 4 });
    expect(
      body.errors.map(({ line, field }: { line: number; field: string }) => [line, field]),
    ).toEqual([
      [1, "/attributes/n"],
      [2, "/attributes/list/1"],
      [3, "/email"],
      [4, "/attributes"],
    ]);
    expect(body.errors[3].message).toContain("__proto__");
  });

  it("lists a thousand errors and counts them all", async () => {
    const { body } = await api.send("POST", path, Array(1_500).fill("{").join("\n"), ndjson);
    expect(body).toMatchObject({ lines: 1_500, imported: 0, failed: 1_500 });
    expect(body.errors).toHaveLength(1_000);
  });
});

describe("an import over a real connection", () => {
  let url: string;
  let server: ReturnType<typeof serve>;
  beforeAll(async () => {
    server = serve({ fetch: api.app.fetch, port: 0, hostname: "127.0.0.1" });
    await new Promise((resolve) => server.once("listening", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  const headers = { authorization: `Bearer ${apiKey}`, ...ndjson };

  it("holds the sender back and stays small, whatever the length", async () => {
    const lines = 60_000;
    const padding = "x".repeat(500);
    let produced = 0;
    let mostAhead = 0;
    let heapBytes = 0;
    async function* file() {
      for (; produced < lines; produced += 1) {
        if (produced % 5_000 === 0) {
          mostAhead = Math.max(
            mostAhead,
            produced -
              (await api.prisma.recipient.count({ where: { externalId: { startsWith: "big" } } })),
          );
          collectGarbage();
          heapBytes = Math.max(heapBytes, process.memoryUsage().heapUsed);
        }
        // Every tenth line is broken.
        yield produced % 10 === 9
          ? "{broken\n"
          : `{"externalId":"big${produced}","attributes":{"padding":"${padding}"}}\n`;
      }
    }
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    const response = await fetch(`${url}${path}`, {
      method: "POST",
      headers,
      body: Readable.toWeb(Readable.from(file())) as ReadableStream,
      duplex: "half",
    } as RequestInit);
    expect(await response.json()).toMatchObject({ lines, imported: 54_000, failed: 6_000 });
    // What is between: a batch, and the buffers of two streams and a socket.
    expect(mostAhead).toBeLessThan(30_000);
    expect(heapBytes - before).toBeLessThan(60_000_000);
  });

  it("keeps what came before a break, and leaves nothing running", async () => {
    await new Promise<void>((resolve) => {
      const request = httpRequest(`${url}${path}`, {
        method: "POST",
        headers: { ...headers, "transfer-encoding": "chunked" },
      });
      request.on("error", () => resolve());
      for (let i = 0; i < 1_500; i += 1) request.write(`{"externalId":"cut${i}"}\n`);
      void (async () => {
        while (
          (await api.prisma.recipient.count({ where: { externalId: { startsWith: "cut" } } })) <
          1_000
        )
          await new Promise((again) => setTimeout(again, 20));
        request.destroy();
        resolve();
      })();
    });
    expect(await api.prisma.recipient.count({ where: { externalId: { startsWith: "cut" } } })).toBe(
      1_000,
    );
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  it("answers a body over the limit although it is not read to its end", async () => {
    const response = await fetch(`${url}/v1/templates`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: "x".repeat(5_000_000),
    });
    expect(response.status).toBe(413);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  it("answers a bad header although the file goes on", async () => {
    const response = await fetch(`${url}${path}`, {
      method: "POST",
      headers: { ...headers, ...csv },
      body: `nonsense\n${"a\n".repeat(2_000_000)}`,
    });
    expect(response.status).toBe(422);
  });
});

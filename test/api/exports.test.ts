import http from "node:http";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { browse, signIn } from "../support/browser-requests.ts";
import { listen } from "../support/listening.ts";
import { patience } from "../support/patience.ts";
import { type Api, apiKey, makeKey, sampleTemplate, seed, startApi } from "./harness.ts";

let api: Api;
let server: Awaited<ReturnType<typeof listen>>;
let viewer: { id: string; secret: string };
const manyRows = 20_000;
const textLength = 2_000;

beforeAll(async () => {
  api = await startApi();
  server = await listen((request) => api.app.fetch(request));
  await seed(api, 3);
  viewer = await makeKey(api, { role: "viewer" });
  await api.send("PUT", "/v1/recipients/export", { phone: "+4915112345678", locale: "de" });
  await api.send("POST", "/v1/segments", {
    key: "even",
    name: "Even",
    filter: { attribute: "even", equals: true },
  });
  for (const priority of ["low", "high"])
    await api.send("POST", "/v1/notifications", {
      template: { key: sampleTemplate.key },
      data: { order: "1" },
      recipients: ["u0", "u1"],
      priority,
    });
  await api.prisma.$executeRaw`
    INSERT INTO events (id, kind, delivery_id, recipient_id, data)
    SELECT uuid_v7(now()), 'delivery.viewed', d.id, d.recipient_id, '{"automated": true}' FROM deliveries d`;
});
afterAll(async () => {
  await server.close();
  await api.stop();
});

const lines = (body: string) => body.trimEnd().split(/\r?\n/);
const exported = async (path: string, secret = apiKey) => {
  const authorization = `Bearer ${secret}`;
  const reply = await api.send("GET", path, undefined, { authorization });
  expect([path, reply.status]).toEqual([path, 200]);
  return lines(reply.body);
};
const entryOf = async (action: string) =>
  (await api.send("GET", `/v1/audit?action=${action}&limit=1`)).body.items[0]?.after;

describe.each([
  {
    list: "notifications",
    action: "notification.export",
    query: "priority=high",
    header:
      "id,template,templateVersion,type,priority,sendAt,test,createdBy,requestId,createdAt,pending,sending,sent,delivered,failed,suppressed,cancelled,unknown",
    row: /^ntf_\w+,order-shipped,1,,high,.*,false,bootstrap,.*,2,0,0,0,0,0,0,0$/,
    count: 1,
  },
  {
    list: "events",
    action: "event.export",
    query: "recipient=u1&kind=delivery.viewed",
    header:
      "id,kind,delivery,recipient,notification,campaign,entityId,until,automated,at,publishedAt,attempts,detail",
    row: /^evt_\w+,delivery\.viewed,dlv_\w+,rcp_\w+,ntf_\w+,,,,true,.*Z,,0,$/,
    count: 2,
  },
  {
    list: "recipients",
    action: "recipient.export",
    query: "locale=de",
    header: "id,externalId,email,phone,timeZone,locale,reachableBy,createdAt,updatedAt",
    row: /^rcp_\w+,export,,"'\+4915112345678",UTC,de,sms,.*Z,.*Z$/,
    count: 1,
  },
  {
    list: "audit",
    action: "audit.export",
    query: "action=segment",
    header: "id,createdAt,actor,action,resource,requestId,address",
    row: /^aud_\w+,.*Z,bootstrap,segment\.create,\w+,[\w-]+,$/,
    count: 1,
  },
])("GET /v1/$list/export", ({ list, action, query, header, row, count }) => {
  it("writes CSV of what the filters match", async () => {
    const [first, ...rest] = await exported(`/v1/${list}/export?${query}`);
    expect(first).toBe(header);
    expect(rest).toHaveLength(count);
    for (const line of rest) expect(line).toMatch(row);
  });

  it("writes NDJSON as the list shows it", async () => {
    const { items } = (await api.send("GET", `/v1/${list}?${query}`)).body;
    const written = await exported(`/v1/${list}/export?${query}&format=ndjson`);
    expect(written.map((line) => JSON.parse(line) as unknown)).toEqual(items);
  });

  it("is audited with its filters and its number of lines, and nothing matches nobody", async () => {
    await exported(`/v1/${list}/export?${query}&createdBefore=2020-01-01T00:00:00Z`);
    expect(await entryOf(action)).toMatchObject({
      format: "csv",
      filters: { createdBefore: "2020-01-01T00:00:00.000Z" },
      lines: 0,
      complete: true,
    });
    const { status } = await api.send("GET", `/v1/${list}/export?limit=1`);
    expect(status).toBe(422);
  });
});

describe("an export of recipients", () => {
  it("masks addresses for viewers and in sessions, and not for services that send", async () => {
    const path = "/v1/recipients/export?externalId=u1&format=ndjson";
    const emailIn = ([line]: string[]) => (JSON.parse(line!) as { email: string }).email;
    const sender = await makeKey(api, { role: "sender" });
    const admin = await makeKey(api, { role: "admin" });
    const { sent } = await signIn(api, { apiKey: admin.secret });
    const { body } = await browse(api, "GET", path, { headers: sent });
    expect(emailIn(lines(body))).toBe("u•••@example.org");
    expect(emailIn(await exported(path, viewer.secret))).toBe("u•••@example.org");
    expect(emailIn(await exported(path, sender.secret))).toBe("u1@example.org");
  });

  it("takes the list's search and segment, and records no part of an address", async () => {
    expect(await exported("/v1/recipients/export?q=u1@exam&email=u1@example.org")).toHaveLength(2);
    expect(await entryOf("recipient.export")).toMatchObject({
      filters: { q: "•••", email: "•••" },
      lines: 1,
    });
    expect(await exported("/v1/recipients/export?segment=even")).toHaveLength(3);
    const { status } = await api.send("GET", "/v1/recipients/export?segment=nobody");
    expect(status).toBe(422);
  });

  it("leaves a recipient with the same name to their id", async () => {
    const { body } = await api.send("GET", "/v1/recipients?externalId=export");
    const named = await api.send("GET", `/v1/recipients/${body.items[0].id}`);
    expect(named.body.externalId).toBe("export");
  });
});

describe("however many rows there are", () => {
  const path = "/v1/recipients/export?format=ndjson";
  const opened: http.IncomingMessage[] = [];
  const open = async (secret = apiKey) => {
    const authorization = `Bearer ${secret}`;
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      http.get(server.url + path, { headers: { authorization } }, resolve).on("error", reject);
    });
    opened.push(response);
    return response;
  };
  /** The rows that exports have read from the database since the count was reset. */
  let read = 0;
  beforeAll(async () => {
    await api.prisma.$executeRaw`
      INSERT INTO recipients (id, external_id, attributes)
      SELECT uuid_v7(now()), 'm' || n, jsonb_build_object('text', repeat('x', ${textLength}::int)) FROM generate_series(1, ${manyRows}::int) AS n`;
    const query = api.pool.query.bind(api.pool) as (...given: unknown[]) => Promise<{
      rows: unknown[];
    }>;
    vi.spyOn(api.pool, "query").mockImplementation((async (...given: unknown[]) => {
      const answer = await query(...given);
      if (String(given[0]).includes("FROM recipients AS r")) read += answer.rows.length;
      return answer;
    }) as never);
  });
  afterAll(() => {
    for (const response of opened) response.destroy();
    vi.restoreAllMocks();
  });
  /** Waits until no more rows are read, while the API answers many other requests. */
  const standsStill = () =>
    vi.waitUntil(async () => {
      const before = read;
      for (let i = 0; i < 20; i++) await api.send("GET", "/v1/segments");
      return before > 0 && read === before;
    }, patience);

  it("reads only what a slow client has taken, and no transaction is open meanwhile", async () => {
    read = 0;
    const response = await open();
    // The buffers of the system hold a part: less than half of all rows, whatever is not in them is not read.
    const mostAhead = 10_000;
    await standsStill();
    expect(read).toBeLessThan(mostAhead);
    const { rows } = await api.pool.query<{ open: number }>(
      "SELECT count(*)::int AS open FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()",
    );
    expect(rows).toEqual([{ open: 0 }]);
    let [parts, ends, aheadMost] = [0, 0, 0];
    for await (const part of response as AsyncIterable<Buffer>) {
      parts += 1;
      for (const byte of part) if (byte === 10) ends += 1;
      aheadMost = Math.max(aheadMost, read - ends);
      // The client is slow: others are answered meanwhile.
      if (parts % 20 === 0) await api.send("GET", "/v1/segments");
    }
    expect(response.complete).toBe(true);
    expect(ends).toBe(manyRows + 4);
    expect(aheadMost).toBeLessThan(mostAhead);
    await expect
      .poll(() => entryOf("recipient.export"))
      .toMatchObject({ lines: manyRows + 4, complete: true });
  });

  it("ends with a client that goes away, and lets others export", async () => {
    const [first, second] = [await open(), await open()];
    expect([first.statusCode, second.statusCode]).toEqual([200, 200]);
    const third = await open();
    expect([third.statusCode, third.headers["retry-after"]]).toEqual([503, "30"]);
    first.destroy();
    await expect.poll(async () => (await open()).statusCode).toBe(200);
    const { after } = (await api.send("GET", "/v1/audit?action=recipient.export&limit=2")).body
      .items[1];
    expect(after).toMatchObject({ complete: false });
    for (const response of opened) response.destroy();
    await standsStill();
    expect(read).toBeLessThan(4 * manyRows);
  });

  it("breaks off when the key is revoked, so that nobody takes a part for the whole", async () => {
    const key = await makeKey(api, { role: "viewer" });
    const responses: http.IncomingMessage[] = [];
    await vi.waitUntil(async () => {
      const response = await open(key.secret);
      if (response.statusCode === 200) responses.push(response);
      return responses.length > 0;
    }, patience);
    await standsStill();
    await api.send("POST", `/v1/api-keys/${key.id}/revoke`);
    const [response] = responses;
    await expect(
      (async () => {
        for await (const _ of response as AsyncIterable<Buffer>);
      })(),
    ).rejects.toThrow("aborted");
    expect(response!.complete).toBe(false);
  });

  it("answers HEAD without an export", async () => {
    const authorization = `Bearer ${apiKey}`;
    for (let i = 0; i < 5; i++) {
      const reply = await api.app.request(path, { method: "HEAD", headers: { authorization } });
      expect([reply.status, reply.headers.get("content-type")]).toEqual([
        200,
        "application/x-ndjson",
      ]);
    }
    const reply = await open();
    expect(reply.statusCode).toBe(200);
    reply.destroy();
  });
});

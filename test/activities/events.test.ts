import { createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { MockActivityEnvironment } from "@temporalio/testing";
import type { Pool } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { Webhook } from "standardwebhooks";
import { createPublishEvents } from "../../activities/publish-events.ts";
import { masterKey } from "../support/sealing.ts";
import { createSealer } from "../../ledger/sealer.ts";
import { createOutboundClient, type OutboundClient } from "../../lib/outbound/client.ts";
import { createGates, type Gates } from "../../ledger/gates.ts";
import { newUuid, publicId } from "../../domain/ids.ts";
import { atLedgerTime } from "../support/ledger-time.ts";
import { createLedgerDatabase, type LedgerDatabase } from "../support/ledger-database.ts";
import {
  allowedAddress,
  forbiddenUrls,
  redirectCodes,
  redirectTo,
  resolveForbidden,
  startWitness,
} from "../support/forbidden-urls.ts";
import { loopbackHttp, subnets } from "../support/outbound.ts";
import { waitMs } from "../support/patience.ts";

const secret = "a-secret-of-events-of-24-characters";
const retry = { baseMs: 60_000, capMs: 3_600_000, attempts: 10 };

let database: LedgerDatabase;
let pool: Pool;
let gates: Gates;

/** A request as it arrived. */
interface Arrived {
  body: string;
  headers: Record<string, string>;
  signature: string;
  contentType: string;
  path: string;
  ids: string[];
}

type Answer = (response: ServerResponse, arrived: Arrived) => void;

const arrived: Arrived[] = [];
/** What is answered, one after the other; from then on that it was taken. */
let answers: Answer[] = [];
const status =
  (code: number, headers: Record<string, string> = {}, body = "ok"): Answer =>
  (response) =>
    response.writeHead(code, headers).end(body);

const server = createServer((request: IncomingMessage, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const body = Buffer.concat(chunks).toString();
    const { events } = JSON.parse(body) as { events: { id: string }[] };
    const one = {
      body,
      headers: request.headers as Record<string, string>,
      signature: request.headers["tidings-signature"] as string,
      contentType: request.headers["content-type"]!,
      path: request.url!,
      ids: events.map(({ id }) => id),
    };
    arrived.push(one);
    (answers.shift() ?? status(204, {}, ""))(response, one);
  });
});
let url: string;

beforeAll(async () => {
  database = await createLedgerDatabase();
  ({ pool } = database);
  gates = createGates(pool);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?tenant=1`;
});
let stop: () => Promise<void> = async () => {};
beforeEach(async () => {
  arrived.length = 0;
  answers = [];
  await database.empty();
  await pool.query("TRUNCATE events, gates");
});
afterEach(async () => {
  await stop();
  stop = async () => {};
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  await database.drop();
});

/** Events that are due, in the order of their ids; the ids. */
async function happened(count: number, data: object = {}): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, i) => newUuid(new Date(Date.now() - 10_000 + i)));
  await pool.query(
    `INSERT INTO events (id, kind, delivery_id, recipient_id, data, due_at)
     SELECT id, 'delivery.snoozed', id, id, $2, ledger_now() - interval '10 seconds' + n * interval '1 millisecond' FROM unnest($1::uuid[]) WITH ORDINALITY AS e(id, n)`,
    [ids, data],
  );
  return ids;
}

type Deps = Partial<Parameters<typeof createPublishEvents>[0]>;

/** An attempt of the activity, until the test ends. */
function start(deps: Deps = {}) {
  const environment = new MockActivityEnvironment();
  const activity = createPublishEvents({
    pool,
    gates,
    receiver: { url, secrets: [secret], http: loopbackHttp(url) },
    http: loopbackHttp(url),
    sealer: createSealer({ pool, masterKeys: [masterKey("k1")] }),
    retry,
    sweepMs: 20,
    timeoutMs: waitMs,
    ...deps,
  });
  const running = environment.run(activity) as Promise<void>;
  const end = async () => {
    environment.cancel("WORKER_SHUTDOWN");
    await running;
  };
  stop = end;
  return { running, end };
}

const shown = (ids: readonly string[]) => ids.map((id) => publicId("event", id));
const rows = async () =>
  (
    await pool.query<{
      id: string;
      due: boolean;
      published: boolean;
      attempts: number;
      detail: string | null;
    }>(
      `SELECT id, due_at IS NOT NULL AS due, published_at IS NOT NULL AS published, attempt_count AS attempts, detail FROM events ORDER BY id`,
    )
  ).rows;
const published = async () => (await rows()).filter((row) => row.published).length;
const shut = async () =>
  (
    await pool.query<{ until: Date; reason: string }>(
      `SELECT shut_until AS until, shut_reason AS reason FROM gates WHERE key = 'provider/events'`,
    )
  ).rows[0];
const open = () => pool.query("UPDATE gates SET shut_until = ledger_now()");
const until = (count: number) => expect.poll(published).toBe(count);
const arrivals = (count: number) => expect.poll(() => arrived.length).toBe(count);

describe("events", () => {
  it("are not handed over again while it cannot be written down that they were taken", async () => {
    await happened(3);
    await pool.query(
      `CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'full' USING ERRCODE = '53100'; END $$;
       CREATE TRIGGER full_disk BEFORE UPDATE ON events EXECUTE FUNCTION full_disk();
       ALTER TABLE events ENABLE ALWAYS TRIGGER full_disk`,
    );
    const statements = vi.spyOn(pool, "query");
    try {
      start();
      await expect
        .poll(
          () => statements.mock.calls.filter(([sql]) => /UPDATE events/.test(String(sql))).length,
        )
        .toBeGreaterThan(5);
    } finally {
      statements.mockRestore();
      await pool.query("DROP FUNCTION full_disk CASCADE");
    }
    await until(3);
    expect(arrived).toHaveLength(1);
  });

  it("are published in the order of their ids, at most a hundred at a time, signed", async () => {
    const ids = await happened(250);
    start();
    await until(250);
    expect(arrived.map((one) => one.ids.length)).toEqual([100, 100, 50]);
    expect(arrived.flatMap((one) => one.ids)).toEqual(shown(ids));
    for (const { body, signature, contentType, path } of arrived) {
      expect(contentType).toBe("application/json");
      expect(path).toBe("/hook?tenant=1");
      const [, seconds, digest] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(signature)!;
      expect(digest).toBe(createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex"));
      expect(Math.abs(Number(seconds) - Date.now() / 1_000)).toBeLessThan(60);
    }
    expect(await rows()).toEqual(
      ids.map((id) => ({ id, due: false, published: true, attempts: 1, detail: null })),
    );
  });

  it("are signed with each secret while one takes the place of another, so that either is enough", async () => {
    await happened(1);
    const older = "an older secret of events";
    start({ receiver: { url, secrets: [secret, older], http: loopbackHttp(url) } });
    await until(1);
    const { body, signature } = arrived[0]!;
    const [, seconds, ...digests] = /^t=(\d+),v1=([0-9a-f]{64}),v1=([0-9a-f]{64})$/.exec(
      signature,
    )!;
    const by = (known: string) =>
      createHmac("sha256", known).update(`${seconds}.${body}`).digest("hex");
    expect(digests).toEqual([by(secret), by(older)]);
  });

  it("are signed as Standard Webhooks says, by each secret, for its official library", async () => {
    await happened(2);
    const base64 = `whsec_${Buffer.from("another secret of events").toString("base64")}`;
    start({ receiver: { url, secrets: [secret, base64], http: loopbackHttp(url) } });
    await until(2);
    const { body, headers } = arrived[0]!;
    expect(headers["webhook-signature"]).toMatch(/^v1,[\w+/]{43}= v1,[\w+/]{43}=$/);
    const verifiers = [
      new Webhook(secret, { format: "raw" }),
      new Webhook(Buffer.from(secret).toString("base64")),
      new Webhook(base64),
    ];
    for (const verifier of verifiers) {
      expect(verifier.verify(body, headers)).toEqual(JSON.parse(body));
      expect(() => verifier.verify(`${body} `, headers)).toThrow("No matching signature");
      for (const [name, value] of Object.entries({
        "webhook-id": "batch_of-another",
        "webhook-timestamp": String(Number(headers["webhook-timestamp"]) - 1),
      }))
        expect(() => verifier.verify(body, { ...headers, [name]: value })).toThrow("No matching");
    }
    const stranger = new Webhook("a-secret-of-somebody-else", { format: "raw" });
    expect(() => stranger.verify(body, headers)).toThrow("No matching signature");
  });

  it("that are sent again have the same webhook-id, and others have another", async () => {
    await happened(3);
    answers = [status(500), status(500)];
    start();
    for (const count of [1, 2, 3]) {
      await arrivals(count);
      await expect.poll(async () => (await rows())[0]!.attempts).toBe(count);
      await open();
    }
    await until(3);
    await happened(1);
    await until(4);
    const ids = arrived.map(({ headers }) => headers["webhook-id"]);
    expect(ids[0]).toMatch(/^batch_[\w-]{43}$/);
    expect(ids.map((id) => ids.indexOf(id))).toEqual([0, 0, 0, 3]);
  });

  it("wait at the gate where the address of the receiver is not allowed, which no viewer reads", async () => {
    await happened(1);
    const http = createOutboundClient({ rules: { privateSubnets: [], ports: [], plain: true } });
    const refusedUrl = new URL(url);
    refusedUrl.port = "80";
    start({ receiver: { url: refusedUrl.href, secrets: [secret], http } });
    const detail = "the host is unknown or not allowed";
    await expect.poll(shut).toMatchObject({ reason: detail });
    await expect.poll(async () => (await rows())[0]).toMatchObject({ due: true, detail });
    expect(arrived).toEqual([]);
  });

  it("say with ids what happened to what", async () => {
    const [recipient] = await database.seed.recipients(1);
    const [delivery] = await database.seed.notification({
      recipientIds: [recipient!],
      queue: "mailbox/0",
    });
    const { rows: sources } = await pool.query<{ id: string }>(
      "UPDATE notifications SET entity_id = 'task-17' RETURNING id",
    );
    const instant = new Date("2027-03-01T10:00:00Z");
    const [id, orphan] = [newUuid(instant), newUuid(instant)];
    await pool.query(
      `INSERT INTO events (id, kind, delivery_id, recipient_id, data, due_at) VALUES
         ($1, 'delivery.snoozed', $2, $3, '{"until": "2027-03-01T11:00:00.000Z"}', now()),
         ($4, 'delivery.completed', $4, $3, '{"entityId": "gone"}', now() + interval '1 millisecond')`,
      [id, delivery, recipient, orphan],
    );
    start();
    await until(2);
    const told = arrived.flatMap(({ body }) => (JSON.parse(body) as { events: unknown[] }).events);
    expect(told).toEqual([
      {
        id: publicId("event", id),
        kind: "delivery.snoozed",
        delivery: publicId("delivery", delivery!),
        recipient: publicId("recipient", recipient!),
        notification: publicId("notification", sources[0]!.id),
        campaign: null,
        entityId: "task-17",
        until: "2027-03-01T11:00:00.000Z",
        automated: false,
        type: null,
        topic: null,
        at: instant.toISOString(),
      },
      {
        id: publicId("event", orphan),
        kind: "delivery.completed",
        delivery: publicId("delivery", orphan),
        recipient: publicId("recipient", recipient!),
        notification: null,
        campaign: null,
        entityId: "gone",
        until: null,
        automated: false,
        type: null,
        topic: null,
        at: instant.toISOString(),
      },
    ]);
  });

  it("without a receiver are stored and not published", async () => {
    await happened(3);
    start({ receiver: null });
    await expect.poll(async () => (await rows()).some(({ due }) => due)).toBe(false);
    expect((await rows()).map((row) => [row.published, row.attempts])).toEqual([
      [false, 0],
      [false, 0],
      [false, 0],
    ]);
    expect(arrived).toEqual([]);
  });

  it("that were accepted when the worker died are published again, with the same ids", async () => {
    const ids = await happened(2);
    const failing = {
      query: (query: unknown, ...rest: unknown[]) => {
        if (typeof query === "string" && query.includes("published_at"))
          throw new Error("the connection is gone");
        return (pool.query as (...all: unknown[]) => unknown)(query, ...rest);
      },
    } as unknown as Pool;
    const dying = start({ pool: failing });
    await arrivals(1);
    await expect(dying.end()).rejects.toThrow("the connection is gone");
    stop = async () => {};
    expect(await published()).toBe(0);
    start();
    await until(2);
    expect(arrived.map((one) => one.ids)).toEqual([shown(ids), shown(ids)]);
  });
});

describe("a receiver that takes nothing now", () => {
  const now = new Date();
  const clock = () => now;
  const inTwoMinutes = new Date(Math.ceil(now.getTime() / 1_000) * 1_000 + 120_000);

  it.each([
    ["429 in seconds", 429, "120", new Date(now.getTime() + 120_000)],
    ["503 as a date", 503, inTwoMinutes.toUTCString(), inTwoMinutes],
  ])("is left alone for as long as it asks: %s", async (_, code, retryAfter, opens) => {
    answers = [status(code, { "retry-after": retryAfter })];
    const ids = await atLedgerTime(
      pool,
      now,
      async () => {
        const made = await happened(3);
        start({ clock });
        await expect.poll(shut).toEqual({ until: opens, reason: `answered ${code}` });
        return made;
      },
      { isStopped: true },
    );
    await expect.poll(async () => (await rows())[2]!.attempts).toBe(1);
    expect(await rows()).toEqual(
      ids.map((id) => ({
        id,
        due: true,
        published: false,
        attempts: 1,
        detail: `answered ${code}`,
      })),
    );
    // Another worker asks the same gate.
    await stop();
    start();
    await open();
    await until(3);
    expect(arrived.map((one) => one.ids)).toEqual([shown(ids), shown(ids)]);
  });

  it("is tried again with backoff where it says nothing", async () => {
    answers = [status(500), status(502), status(500, { "retry-after": "soon" })];
    await atLedgerTime(
      pool,
      now,
      async () => {
        await happened(1);
        start({ random: () => 0 });
        for (const [attempt, seconds] of [30, 60, 120].entries()) {
          await expect.poll(async () => (await rows())[0]!.attempts).toBe(attempt + 1);
          expect((await shut())!.until).toEqual(new Date(now.getTime() + seconds * 1_000));
          await open();
        }
        await until(1);
      },
      { isStopped: true },
    );
    expect((await rows())[0]).toMatchObject({ attempts: 4, detail: null });
  });

  it("that hangs is given up after a while", async () => {
    await happened(1);
    answers = [() => {}];
    const impatient = start({ timeoutMs: 100 });
    await expect.poll(shut).toMatchObject({ reason: "no answer in time" });
    await expect.poll(async () => (await rows())[0]!.detail).toBe("no answer in time");
    await impatient.end();
    await open();
    start();
    await until(1);
  });

  it("that cannot be reached is reported as such, without its address", async () => {
    await happened(1);
    const gone = "http://127.0.0.1:1/secret-path";
    start({ receiver: { url: gone, secrets: [secret], http: loopbackHttp(gone) } });
    await expect.poll(shut).toMatchObject({ reason: "no connection: ECONNREFUSED" });
    expect(JSON.stringify([await shut(), await rows()])).not.toContain("secret-path");
  });
});

describe("a receiver that refuses", () => {
  it("one of them gets the others, and that one again later", async () => {
    const ids = await happened(5);
    const refused = shown(ids)[2]!;
    const picky: Answer = (response, one) =>
      status(one.ids.includes(refused) ? 422 : 200)(response, one);
    answers = Array.from({ length: 6 }, () => picky);
    const counted: Record<string, number> = {};
    start({ count: (outcome, events) => (counted[outcome] = (counted[outcome] ?? 0) + events) });
    await until(4);
    const more = await happened(3);
    await until(7);
    expect(arrived.map((one) => one.ids)).toEqual([
      shown(ids),
      ...shown(ids).map((id) => [id]),
      shown(more),
    ]);
    const left = (await rows()).filter((row) => !row.published);
    expect(left).toEqual([
      { id: ids[2], due: true, published: false, attempts: 2, detail: "answered 422" },
    ]);
    expect(counted).toEqual({ refused: 6, taken: 7 });
    await pool.query("UPDATE events SET due_at = now() WHERE due_at IS NOT NULL");
    await until(8);
  });

  it("by a redirect is not followed elsewhere", async () => {
    await happened(1);
    answers = [status(307, { location: url })];
    start();
    await expect.poll(async () => (await rows())[0]!.detail).toBe("answered 307");
    await happened(1);
    await until(1);
    await arrivals(2);
  });
});

it("an answer without end is not read", async () => {
  await happened(1);
  let closed = false;
  answers = [
    (response) => {
      response.writeHead(200);
      const more = () => {
        while (response.write(Buffer.alloc(65_536)));
      };
      response.on("drain", more).on("close", () => (closed = true));
      more();
    },
  ];
  start();
  await until(1);
  await expect.poll(() => closed).toBe(true);
});

describe("nothing that is not allowed is connected to", () => {
  /** What the events waited for, after one attempt with this receiver. */
  async function detailOf(receiverUrl: string, http: OutboundClient): Promise<string | null> {
    await pool.query(
      "UPDATE events SET due_at = ledger_now(), published_at = NULL, attempt_count = 0, detail = NULL",
    );
    await pool.query("TRUNCATE gates");
    const { end } = start({ receiver: { url: receiverUrl, secrets: [secret], http } });
    await expect.poll(async () => (await rows())[0]!.attempts).toBeGreaterThan(0);
    await end();
    return (await rows())[0]!.detail;
  }

  const guarded = (port: number, resolve = resolveForbidden) =>
    createOutboundClient({
      rules: { privateSubnets: subnets(allowedAddress), ports: [port], plain: true },
      resolve,
    });

  it("in whatever form EVENTS_URL has it", async () => {
    const { port, forbidden } = await startWitness();
    const http = guarded(port);
    await happened(1);
    for (const given of forbiddenUrls(port))
      expect([given, await detailOf(given, http)]).toEqual([
        given,
        expect.stringMatching(/^the (host is unknown or|URL is) not allowed$/),
      ]);
    expect(forbidden).toEqual([]);
    await http.close();
  });

  it("in whatever form the receiver redirects to it", async () => {
    const witness = await startWitness();
    const http = guarded(witness.port);
    const urls = forbiddenUrls(witness.port);
    await happened(1);
    for (const [index, target] of urls.entries()) {
      const code = redirectCodes[index % redirectCodes.length]!;
      witness.answer = redirectTo(target, code);
      const detail = await detailOf(`http://${allowedAddress}:${witness.port}/`, http);
      expect([target, detail]).toEqual([target, `answered ${code}`]);
    }
    expect(witness).toMatchObject({ forbidden: [], allowed: urls.length });
    await http.close();
  });

  it("when the name of the receiver resolves to it later, alone or among others", async () => {
    const witness = await startWitness();
    const answers = [[allowedAddress], ["127.0.0.1"], [allowedAddress, "10.0.0.1"]];
    const http = guarded(witness.port, () => Promise.resolve(answers.shift()!));
    const named = `http://hooks.example.test:${witness.port}/`;
    await happened(1);
    const details = [];
    for (const _ of [1, 2, 3]) details.push(await detailOf(named, http));
    const refusal = "the host is unknown or not allowed";
    expect(details).toEqual([null, refusal, refusal]);
    expect(witness).toMatchObject({ forbidden: [], allowed: 1 });
    await http.close();
  });
});

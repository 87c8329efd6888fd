import { createHash } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { shardOf } from "../../domain/delivery/queues.ts";
import { parsePublicId, publicId } from "../../domain/ids.ts";
import { transactionLimits } from "../support/patience.ts";
import { type Api, type Reply, sampleTemplate, seed, startApi } from "./harness.ts";

const maxUnsentPerRecipient = 3;
const names = Array.from({ length: 6 }, (_, index) => `u${index}`);
const erased = "u6";
/** A value that only PostgreSQL refuses, and no earlier check. */
const poison = "poison";

let api: Api;
/** A second API with its own database. */
let other: Api;

async function start(): Promise<Api> {
  const started = await startApi({ config: { maxUnsentPerRecipient } });
  await seed(started, names.length + 1);
  await started.send("POST", "/v1/templates", { ...sampleTemplate, key: "archived" });
  await started.send("POST", "/v1/templates/archived/archive");
  await started.send("DELETE", `/v1/recipients/${erased}`);
  await started.prisma.$executeRawUnsafe(
    `ALTER TABLE notifications ADD CHECK (data ->> 'order' <> '${poison}')`,
  );
  // A version that this process has not used yet is read first, so the next request may overtake this one.
  for (const version of [undefined, 1])
    await ask(started, {
      body: { ...asking(["u0"]).body, template: { key: sampleTemplate.key, version } },
      key: null,
    });
  return started;
}

const empty = ({ prisma }: Api) =>
  prisma.$executeRaw`TRUNCATE notifications, open_deliveries, ended_deliveries, idempotency_keys, audit_entries CASCADE`;

beforeAll(async () => {
  [api, other] = await Promise.all([start(), start()]);
});
afterAll(() => Promise.all([api.stop(), other.stop()]));
beforeEach(() => Promise.all([empty(api), empty(other)]));

interface Asked {
  body: Record<string, unknown>;
  key: string | null;
}

const ask = ({ send }: Api, { body, key }: Asked) =>
  send("POST", "/v1/notifications", body, key === null ? {} : { "idempotency-key": key });

const asking = (recipients: readonly string[], key: string | null = null, order = "1"): Asked => ({
  body: { recipients, template: { key: sampleTemplate.key }, data: { order } },
  key,
});

const statusesOf = (replies: readonly Reply[]) => replies.map(({ status }) => status);

/** Sends all requests in one turn of the event loop, and counts the statements that they took: each has a connection of its own. */
async function askTogether(of: Api, asked: readonly Asked[]) {
  const statements = vi.spyOn(of.acceptPool, "connect");
  try {
    const replies = await Promise.all(asked.map((one) => ask(of, one)));
    return { replies, statements: statements.mock.calls.length };
  } finally {
    statements.mockRestore();
  }
}

/** Returns the answers and all written rows without values that differ between runs: ids are replaced by the request that was first answered with them. */
async function readOutcome({ prisma }: Api, replies: readonly Reply[]) {
  const ids = replies.map(({ body }) => body.id && parsePublicId("notification", body.id));
  const numberOf = (id: string) => ids.indexOf(parsePublicId("notification", id));
  const people = await prisma.recipient.findMany();
  const nameOf = new Map(people.map(({ id, externalId }) => [id, externalId]));
  const deliveries = await prisma.delivery.findMany();
  const notifications = await prisma.notification.findMany();
  const audit = await prisma.auditEntry.findMany();
  const keys = await prisma.idempotencyKey.findMany();
  const byNumber = (a: { number: number }, b: { number: number }) => a.number - b.number;
  return {
    replies: replies.map(({ status, headers, body: { id, ...body } }) => ({
      status,
      replayed: headers.get("idempotency-replayed"),
      body: { ...body, requestId: undefined, ...(id && { id: numberOf(id) }) },
    })),
    notifications: notifications
      .map(({ id, sendAt, createdAt, ...row }) => ({
        ...row,
        templateVersionId: undefined,
        requestId: undefined,
        number: ids.indexOf(id),
        sendAt: sendAt.getTime() === createdAt.getTime() ? "at once" : sendAt,
        deliveries: deliveries
          .filter(({ notificationId }) => notificationId === id)
          .map(({ recipientId, channel, priority, status, reason, dueAt, queue }) => ({
            recipient: nameOf.get(recipientId),
            channel,
            priority,
            status,
            reason,
            due: dueAt?.getTime() === sendAt.getTime(),
            queue: queue.replace(`/${shardOf(recipientId, 4)}`, "/its own"),
          }))
          .sort((a, b) => String(a.recipient).localeCompare(String(b.recipient))),
      }))
      .sort(byNumber),
    audit: audit
      .map(({ actor, action, resource, after }) => ({
        actor,
        action,
        after,
        number: numberOf(resource),
      }))
      .sort(byNumber),
    keys: keys
      .map(({ scope, key, status, body }) => {
        const { id, ...answer } = JSON.parse(body as string) as { id: string };
        return { scope, key, status, answer, number: numberOf(id) };
      })
      .sort((a, b) => a.key.localeCompare(b.key)),
  };
}

/** Each recipient has one name, and the first one has both, because two requests only share a limit if they name the same recipient. */
const recipient = fc.oneof(
  { weight: 10, arbitrary: fc.constantFrom(...names.slice(0, 4)) },
  { weight: 4, arbitrary: fc.constantFrom(...names.slice(4)).map((name) => `id of ${name}`) },
  { weight: 1, arbitrary: fc.constantFrom(`id of ${erased}`, "nobody") },
);

const optional = <Value>(value: fc.Arbitrary<Value>) =>
  fc.option(value, { nil: undefined, freq: 3 });

const notification = fc
  .record({
    recipients: fc
      .array(recipient, { minLength: 1, maxLength: 3 })
      .map((list) => (list.includes("u0") ? ["id of u0", ...list] : list)),
    template: fc.oneof(
      { weight: 12, arbitrary: fc.constant({ key: sampleTemplate.key }) },
      { weight: 3, arbitrary: fc.constant({ key: sampleTemplate.key, version: 1 }) },
      { weight: 1, arbitrary: fc.constantFrom({ key: "archived" }, { key: "none" }) },
    ),
    data: fc.oneof(
      { weight: 10, arbitrary: fc.constantFrom({ order: "1" }, { order: "2" }) },
      { weight: 1, arbitrary: fc.constantFrom({}, { order: poison }) },
    ),
    priority: optional(fc.constantFrom("low", "high", "critical")),
    sendAt: optional(fc.constant("2099-01-01T09:00:00.000Z")),
    expiresAt: optional(fc.constant("2099-02-01T09:00:00.000Z")),
    dedupKey: optional(fc.constantFrom("d", "e")),
    collapseKey: optional(fc.constant("c")),
    batchable: optional(fc.constant(false)),
    bypassRateLimit: optional(fc.constant(true)),
    actions: optional(fc.constant([{ kind: "done" }])),
  })
  .map((body) => JSON.parse(JSON.stringify(body)) as Asked["body"]);

const isUsable = ({ template }: Asked["body"]) =>
  (template as { key: string }).key === sampleTemplate.key;

/** Requests, many of them with the same keys and the same or another body. */
const requests = fc
  .array(
    fc.record({
      body: notification,
      key: fc.option(fc.constantFrom("k1", "k2", "k3", "k4", "k5", "k6")),
      again: fc.boolean(),
    }),
    { minLength: 2, maxLength: 40 },
  )
  .map((drawn) =>
    drawn.map(({ body, key, again }): Asked => {
      // A template that may not be used is looked up each time, so the next request may overtake this one.
      if (!isUsable(body)) return { body, key: null };
      const first = again && drawn.find((one) => one.key === key && isUsable(one.body));
      return { body: first ? first.body : body, key };
    }),
  );

/** Replaces `id of …` with the ids of the recipients in that database. */
async function naming({ prisma }: Api): Promise<(asked: Asked) => Asked> {
  const people = await prisma.recipient.findMany({ orderBy: { id: "asc" } });
  const ids = new Map<unknown, string>(
    people.map(({ id, externalId }) => [externalId, publicId("recipient", id)]),
  );
  const [, gone] = [...ids].find(([name]) => !names.includes(String(name)))!;
  return ({ body, key }) => ({
    key,
    body: {
      ...body,
      recipients: (body["recipients"] as string[]).map((name) =>
        name.startsWith("id of ") ? (ids.get(name.slice(6)) ?? gone) : name,
      ),
    },
  });
}

describe("requests that arrive together", () => {
  it("have the same answers and rows as one after the other", async () => {
    const [nameHere, nameThere] = [await naming(api), await naming(other)];
    await fc.assert(
      fc
        .asyncProperty(requests, async (asked) => {
          const { replies } = await askTogether(api, asked.map(nameHere));
          const inTurn: Reply[] = [];
          for (const one of asked) inTurn.push(await ask(other, nameThere(one)));
          expect(await readOutcome(api, replies)).toEqual(await readOutcome(other, inTurn));
        })
        .beforeEach(async () => void (await Promise.all([empty(api), empty(other)]))),
      { numRuns: 25 },
    );
  });

  it("are written by few statements", async () => {
    const asked = Array.from({ length: 64 }, (_, index) =>
      asking([names[index % names.length]!], `few-${index}`),
    ).slice(0, names.length * maxUnsentPerRecipient);
    const { replies, statements } = await askTogether(api, asked);
    expect(new Set(statusesOf(replies))).toEqual(new Set([202]));
    // On a busy machine the requests need several turns of the event loop to arrive.
    expect(statements).toBeLessThan((asked.length * 2) / 3);
  });

  it("are not affected by one that PostgreSQL refuses", async () => {
    const asked = names.map((name, index) => asking([name], `key-${index}`));
    asked.splice(2, 0, asking(["u0"], "bad", poison));
    // PostgreSQL reports the error before it frees the keys of the others, which are then asked for again.
    for (let round = 0; round < 20; round++) {
      await empty(api);
      const { replies } = await askTogether(api, asked);
      expect(statusesOf(replies)).toEqual([202, 202, 500, 202, 202, 202, 202]);
      expect(await api.prisma.notification.count()).toBe(names.length);
    }
    expect((await ask(api, asking(["u0"], "bad"))).status).toBe(202);
  });

  it("do not wait for the erasure of a recipient unless they name that recipient", async () => {
    const replies = names.map(() => vi.fn<(reply: Reply) => void>());
    let all: Promise<void>[] = [];
    await api.prisma.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT FROM recipients WHERE external_id = 'u2' FOR UPDATE`;
      all = names.map((name, index) => ask(api, asking([name])).then(replies[index]));
      await Promise.all(all.filter((_, index) => index !== 2));
      expect(replies.map(({ mock }) => mock.calls.length)).toEqual([1, 1, 0, 1, 1, 1]);
    }, transactionLimits);
    await Promise.all(all);
    expect(statusesOf(replies.map(({ mock }) => mock.calls[0]![0]))).toEqual(names.map(() => 202));
  });

  it("are answered in their order under one key, whatever each waits for", async () => {
    const fresh = await startApi({ database: api.database });
    try {
      const sendAt = "2099-01-01T09:00:00.000Z";
      const { body } = asking(["u0"]);
      // By then scheduled deliveries have been counted, and due ones have not.
      expect((await ask(fresh, { body: { ...body, sendAt }, key: null })).status).toBe(202);
      const replies = await Promise.all([
        ask(fresh, { body, key: "same" }),
        ask(fresh, { body: { ...body, sendAt }, key: "same" }),
      ]);
      expect(statusesOf(replies)).toEqual([202, 422]);
    } finally {
      await fresh.stop();
    }
  });

  it("do not wait for a key that another process holds", async () => {
    await api.prisma.$transaction(async (tx) => {
      // The database contains only the hash of a key.
      const key = createHash("sha256").update("held").digest("hex");
      await tx.$queryRaw`SELECT pg_try_advisory_xact_lock(hashtextextended(${`bootstrap ${key}`}, 0))::text`;
      const { replies } = await askTogether(api, [
        asking(["u0"], "held"),
        asking(["u1"], "free"),
        asking(["u2"]),
      ]);
      expect(statusesOf(replies)).toEqual([409, 202, 202]);
    }, transactionLimits);
  });

  it("are distinguished when a template has changed without a notification of this process", async () => {
    for (const key of ["changing", "staying"])
      await api.send("POST", "/v1/templates", { ...sampleTemplate, key });
    const using = (key: string): Asked => ({
      body: { ...asking(["u0"]).body, template: { key } },
      key: null,
    });
    await askTogether(api, [using("changing"), using("staying")]);
    const beside = await startApi({ database: api.database });
    try {
      await beside.send("POST", "/v1/templates/changing/archive");
    } finally {
      await beside.stop();
    }
    const { replies } = await askTogether(api, [using("changing"), using("staying")]);
    expect(statusesOf(replies)).toEqual([422, 202]);
  });

  it("use the limit of a recipient in the order of their arrival", async () => {
    const asked = Array.from({ length: 9 }, (_, index) =>
      asking(index === 1 ? ["u0", "nobody"] : ["u0"], null, String(index)),
    );
    const { replies } = await askTogether(api, asked);
    expect(statusesOf(replies)).toEqual([202, 422, 202, 202, 429, 429, 429, 429, 429]);
  });
});

it("two processes that accept for the same recipients under the same keys never deadlock, and create each notification once", async () => {
  const processes = await Promise.all(
    [1, 2].map(() =>
      startApi({ database: api.database, config: { maxUnsentPerRecipient: 10_000 } }),
    ),
  );
  try {
    const asked = Array.from({ length: 300 }, (_, index) =>
      asking(
        // The requests have opposite orders, and some are written alone.
        (index % 2 === 0 ? names : names.toReversed()).slice(index % 3),
        index % 5 === 0 ? null : `shared-${index % 60}`,
        String(index % 60),
      ),
    );
    const replies = await Promise.all(
      processes.flatMap((process) => asked.map((one) => ask(process, one))),
    );
    const statuses = new Set(statusesOf(replies));
    expect([...statuses].filter((status) => status !== 202 && status !== 409)).toEqual([]);
    const kept = await api.prisma.idempotencyKey.findMany();
    expect(kept).toHaveLength(48);
    const accepted = new Set(
      replies.filter(({ status }) => status === 202).map(({ body }) => body.id),
    );
    expect(await api.prisma.notification.count()).toBe(accepted.size);
    expect(accepted.size).toBe(48 + 2 * 60);
  } finally {
    await Promise.all(processes.map(({ stop }) => stop()));
  }
});

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createAdmission } from "../../api/notifications/admission.ts";
import { parsePublicId } from "../../domain/ids.ts";
import { recipientReasons } from "../../domain/delivery/reasons.ts";
import { type Api, makeKey, type Reply, sampleTemplate, seed, startApi } from "./harness.ts";

const maxUnsent = 62;
/** The share of a key while other keys have no deliveries. */
const ofOneKey = 50;
const maxScheduled = 125;
const scheduledOfOneKey = 100;
const maxUnsentPerRecipient = 10;

let api: Api;
// Each test begins with a process that has not counted yet.
beforeEach(async () => {
  api = await startApi({ config: { maxUnsent, maxScheduled, maxUnsentPerRecipient } });
  await seed(api, 120);
});
afterEach(() => api.stop());

function notify(body: object, key?: string, secret?: string): Promise<Reply> {
  return api.send(
    "POST",
    "/v1/notifications",
    { template: { key: sampleTemplate.key }, data: { order: "1" }, ...body },
    {
      ...(key !== undefined && { "idempotency-key": key }),
      ...(secret !== undefined && { authorization: `Bearer ${secret}` }),
    },
  );
}

/** Creates a caller with its own key. */
async function otherCaller(): Promise<(body: object) => Promise<Reply>> {
  const { secret } = await makeKey(api, { role: "sender" });
  return (body) => notify(body, undefined, secret);
}

/** Settles deliveries as workers do. */
async function send(count = 1_000): Promise<void> {
  await api.prisma.$executeRaw`
    UPDATE deliveries SET status = 'sent', due_at = NULL, finished_at = now()
    WHERE id IN (SELECT id FROM deliveries WHERE due_at IS NOT NULL LIMIT ${count})`;
}

const unsent = () => api.prisma.delivery.count({ where: { dueAt: { not: null } } });
const people = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => `u${from + index}`);
const untilAccepted = (body: object) =>
  expect.poll(async () => (await notify(body)).status).toBe(202);

function expectFull(reply: Reply, bound: string): void {
  expect([reply.status, reply.body.type]).toEqual([429, "urn:tidings:problem:too-many-unsent"]);
  expect(Number(reply.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(reply.body.detail).toContain(bound);
}

describe("the limit of unsent deliveries", () => {
  it("is reached by a hundred requests at once, and never passed", async () => {
    const replies = await Promise.all(people(0, 100).map((name) => notify({ recipients: [name] })));
    const accepted = replies.filter(({ status }) => status === 202);
    expect(accepted).toHaveLength(ofOneKey);
    for (const reply of replies.filter(({ status }) => status !== 202))
      expectFull(reply, "MAX_UNSENT)");
    expect(await unsent()).toBe(ofOneKey);
    // Nothing that was accepted is lost, and nothing else is there.
    const kept = await api.prisma.delivery.findMany({ where: { dueAt: { not: null } } });
    expect(new Set(kept.map(({ notificationId }) => notificationId))).toEqual(
      new Set(accepted.map(({ body }) => parsePublicId("notification", body.id))),
    );
  });

  it("is not reached by what campaigns have waiting in the same queues", async () => {
    const { body } = await api.send("POST", "/v1/campaigns", {
      name: "c",
      template: { key: sampleTemplate.key },
      data: { order: "1" },
      audience: { all: true },
    });
    await api.pool.query(
      `INSERT INTO deliveries (id, campaign_id, recipient_id, channel, priority, queue, due_at)
       SELECT uuid_v7(now()), $1, r.id, 'email', 'normal', CASE WHEN r.id::text < '8' THEN 'mailbox/0' ELSE 'digest/waiting' END, now() FROM recipients r`,
      [parsePublicId("campaign", body.id)],
    );
    for (const name of people(0, ofOneKey))
      expect((await notify({ recipients: [name] })).status).toBe(202);
    expectFull(await notify({ recipients: ["u60"] }), "MAX_UNSENT)");
  });

  it("does not count deliveries that wait because of preferences, in all or for each recipient", async () => {
    for (const reason of recipientReasons) {
      await notify({ recipients: people(0, ofOneKey) });
      await api.prisma.$executeRaw`UPDATE deliveries SET reason = ${reason} WHERE reason IS NULL`;
      await untilAccepted({ recipients: ["u0"] });
    }
    // What a limit holds does count.
    await api.prisma.$executeRaw`UPDATE deliveries SET reason = 'recipient_limit'`;
    expectFull(await notify({ recipients: people(60, ofOneKey) }), "MAX_UNSENT)");
  });

  it("holds under a storm, with sending going on", async () => {
    let accepted = 0;
    let most = 0;
    let done = false;
    const watching = (async () => {
      while (!done) {
        most = Math.max(most, await unsent());
        await send(5);
      }
    })();
    const caller = async (from: number) => {
      for (let index = 0; index < 40 || accepted <= ofOneKey; index++)
        if ((await notify({ recipients: people((from * 17 + index) % 100, 3) })).status === 202)
          accepted += 3;
    };
    await Promise.all(Array.from({ length: 12 }, (_, from) => caller(from)));
    done = true;
    await watching;
    expect(most).toBeLessThanOrEqual(ofOneKey);
    expect(await api.prisma.delivery.count()).toBe(accepted);
  });

  it("counts every recipient, and takes a notification whole or not at all", async () => {
    expect((await notify({ recipients: people(0, 45) })).status).toBe(202);
    const before = await api.prisma.notification.count();
    expectFull(await notify({ recipients: people(50, 6) }), "no room for 6");
    expect(await api.prisma.notification.count()).toBe(before);
    expect((await notify({ recipients: people(50, 5) })).status).toBe(202);
  });

  it("gives way as soon as something is sent", async () => {
    await notify({ recipients: people(0, ofOneKey) });
    expectFull(await notify({ recipients: ["u60"] }), "MAX_UNSENT)");
    await send(1);
    await untilAccepted({ recipients: ["u60"] });
  });

  it("keeps no answer of a refusal, so that the key succeeds later, and replays what was accepted though it is full", async () => {
    const body = { recipients: people(0, ofOneKey) };
    const first = await notify(body, "the-first");
    const late = { recipients: ["u70"] };
    expectFull(await notify(late, "late"), "MAX_UNSENT)");
    const again = await notify(body, "the-first");
    expect([again.status, again.body, again.headers.get("idempotency-replayed")]).toEqual([
      202,
      first.body,
      "true",
    ]);
    expect((await notify({ recipients: ["u71"] }, "the-first")).body.type).toBe(
      "urn:tidings:problem:key-reused",
    );
    expect(await api.prisma.idempotencyKey.count()).toBe(1);
    await send();
    await expect.poll(async () => (await notify(late, "late")).status).toBe(202);
    expect(await api.prisma.delivery.count({ where: { dueAt: { not: null } } })).toBe(1);
  });

  it("leaves a tenth more to critical ones", async () => {
    await notify({ recipients: people(0, ofOneKey) });
    const alarm = (name: string) => notify({ recipients: [name], priority: "critical" });
    for (const name of people(60, 6)) expect((await alarm(name)).status).toBe(202);
    expectFull(await alarm("u66"), "At most 69");
    expectFull(await notify({ recipients: ["u67"] }), "At most 62");
  });

  it("is not about campaigns", async () => {
    const { body: campaign } = await api.send("POST", "/v1/campaigns", {
      name: "c",
      template: { key: sampleTemplate.key },
      data: { order: "1" },
      audience: { all: true },
    });
    await api.prisma.$executeRaw`
      INSERT INTO deliveries (id, campaign_id, recipient_id, channel, priority, queue, due_at)
      SELECT uuid_v7(now()), ${parsePublicId("campaign", campaign.id)}::uuid, id, 'email', 'normal', ${`campaign/${campaign.id}/lane/0`}, now() FROM recipients`;
    const replies = [];
    for (let index = 0; index < ofOneKey; index++)
      replies.push(await notify({ recipients: people(index, 1) }));
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([202]));
  });

  it("is not used up by what is refused for another reason", async () => {
    for (let index = 0; index < ofOneKey; index++)
      expect((await notify({ recipients: ["nobody"] })).status).toBe(422);
    expect((await notify({ recipients: people(0, ofOneKey) })).status).toBe(202);
  });

  it("is seen by another process with its next count", async () => {
    const other = createAdmission({
      pool: api.pool,
      maxUnsent,
      maxScheduled,
      maxUnsentPerRecipient,
    });
    const room = async () => {
      const place = await other.reserve({
        references: ["u0"],
        key: "bootstrap",
        isCritical: false,
        isLater: false,
      });
      place.release(0);
      return place.refusal === null;
    };
    expect(await room()).toBe(true);
    await notify({ recipients: people(0, ofOneKey) });
    await expect.poll(room).toBe(false);
    await send(1);
    await expect.poll(room).toBe(true);
  });
});

const farOff = "2099-01-01T00:00:00Z";
const schedule = (count: number, sendAt = farOff) =>
  notify({ recipients: people(0, count), sendAt });

describe("the bound of what is for later", () => {
  it("is its own: what is scheduled for 2099 refuses nothing that is due, and what is due nothing that is scheduled", async () => {
    expect((await schedule(scheduledOfOneKey)).status).toBe(202);
    const reply = await schedule(1);
    expect([reply.status, reply.body.type]).toEqual([
      429,
      "urn:tidings:problem:too-many-scheduled",
    ]);
    expect(reply.body.detail).toContain("MAX_SCHEDULED");
    expect((await notify({ recipients: people(0, ofOneKey) })).status).toBe(202);
    expectFull(await notify({ recipients: ["u60"] }), "MAX_UNSENT");
    expect((await notify({ recipients: ["u60"], priority: "critical" })).status).toBe(202);
  });

  it("holds for critical ones too, and is reached by a hundred requests at once and never passed", async () => {
    const replies = await Promise.all(
      people(0, scheduledOfOneKey + 10).map((name, index) =>
        notify({
          recipients: [name],
          sendAt: farOff,
          priority: index % 2 ? "critical" : "normal",
        }),
      ),
    );
    expect(replies.filter(({ status }) => status === 202)).toHaveLength(scheduledOfOneKey);
    expect(await unsent()).toBe(scheduledOfOneKey);
  });

  it("counts what is scheduled within the next minute as due", async () => {
    const soon = new Date(Date.now() + 30_000).toISOString();
    expect((await schedule(ofOneKey, soon)).status).toBe(202);
    expectFull(await notify({ recipients: ["u60"] }), "MAX_UNSENT");
  });

  it("counts deliveries that are held because of preferences, which cause due ones to be refused only if they alone use up the limit", async () => {
    const hold = async () => {
      await expect
        .poll(async () => (await notify({ recipients: people(0, ofOneKey) })).status)
        .toBe(202);
      await api.prisma
        .$executeRaw`UPDATE deliveries SET reason = 'quiet_hours' WHERE reason IS NULL AND due_at < '2099-01-01'`;
    };
    await hold();
    expect((await schedule(scheduledOfOneKey - ofOneKey - 10)).status).toBe(202);
    await expect
      .poll(async () => (await schedule(1)).body.type)
      .toBe("urn:tidings:problem:too-many-scheduled");
    await hold();
    await expect
      .poll(async () => (await notify({ recipients: ["u0"] })).body.type)
      .toBe("urn:tidings:problem:too-many-scheduled");
    expect((await notify({ recipients: ["u0"], priority: "critical" })).status).toBe(202);
    expect((await (await otherCaller())({ recipients: ["u110"] })).status).toBe(202);
  });

  it("has one of its own for each recipient", async () => {
    for (let index = 0; index < maxUnsentPerRecipient; index++)
      expect((await schedule(1)).status).toBe(202);
    const reply = await schedule(1);
    expect(reply.body.type).toBe("urn:tidings:problem:too-many-scheduled");
    expect(reply.body.detail).toContain("MAX_UNSENT_PER_RECIPIENT");
    for (let index = 0; index < maxUnsentPerRecipient; index++)
      expect((await notify({ recipients: ["u0"] })).status).toBe(202);
    expectFull(await notify({ recipients: ["u0"] }), "MAX_UNSENT_PER_RECIPIENT");
  });
});

describe("the share of an API key", () => {
  it("is four fifths of what the others leave, of what is due and of what is for later", async () => {
    const other = await otherCaller();
    const third = await otherCaller();
    const takes = async (body: object) => {
      expect((await notify({ recipients: people(0, 110), ...body })).status).toBe(429);
      for (const [caller, share] of [
        [notify, body === due ? 50 : 100],
        [other, body === due ? 10 : 20],
        [third, body === due ? 2 : 4],
      ] as const) {
        expect((await caller({ recipients: people(0, share + 1), ...body })).status).toBe(429);
        expect((await caller({ recipients: people(0, share), ...body })).status).toBe(202);
        expect((await caller({ recipients: ["u100"], ...body })).status).toBe(429);
      }
    };
    const due = {};
    await takes(due);
    await takes({ sendAt: farOff });
  });

  it("is kept where what another has scheduled is due at once, and so is the reserve of critical ones", async () => {
    const other = await otherCaller();
    expect((await schedule(scheduledOfOneKey)).status).toBe(202);
    await api.prisma.$executeRaw`UPDATE deliveries SET due_at = now()`;
    await expect
      .poll(async () => (await notify({ recipients: ["u110"] })).body.type)
      .toBe("urn:tidings:problem:too-many-unsent");
    expect((await notify({ recipients: ["u110"], priority: "critical" })).status).toBe(202);
    expect((await other({ recipients: people(0, 9) })).status).toBe(202);
    expectFull(await other({ recipients: people(0, 9) }), "MAX_UNSENT");
    expect((await other({ recipients: people(0, 1), priority: "critical" })).status).toBe(202);
  });

  it("is also kept within the reserve of critical ones", async () => {
    const other = await otherCaller();
    await notify({ recipients: people(0, ofOneKey) });
    const alarm = { priority: "critical" };
    expect((await notify({ recipients: people(60, 6), ...alarm })).status).toBe(202);
    expectFull(await notify({ recipients: ["u70"], ...alarm }), "MAX_UNSENT");
    expect((await other({ recipients: ["u70"], ...alarm })).status).toBe(202);
  });
});

describe("Retry-After", () => {
  const retryAfter = async (body: object) =>
    Number((await notify(body)).headers.get("retry-after"));

  it("says how long what is too much takes to be sent, at the rate at which deliveries end", async () => {
    await notify({ recipients: people(0, 40) });
    await send(40);
    await notify({ recipients: people(0, ofOneKey) });
    // 40 within the last ten seconds.
    expect(await retryAfter({ recipients: people(60, 40) })).toBe(10);
  });

  it("is a minute where nothing is sent", async () => {
    await notify({ recipients: people(0, ofOneKey) });
    expect(await retryAfter({ recipients: ["u60"] })).toBe(60);
  });

  it("is the time until enough scheduled deliveries are due, if that is within the next hour", async () => {
    await schedule(10, new Date(Date.now() + 1_800_000).toISOString());
    await schedule(scheduledOfOneKey - 10);
    expect(await retryAfter({ recipients: people(0, 5), sendAt: farOff })).toBe(1_800);
  });

  it("says for a recipient when the first of what waits for them is due", async () => {
    for (let index = 0; index < maxUnsentPerRecipient; index++)
      await notify({ recipients: ["u0"] });
    await api.prisma
      .$executeRaw`UPDATE deliveries SET reason = 'recipient_limit', due_at = now() + interval '20 minutes'`;
    const seconds = await retryAfter({ recipients: ["u0"] });
    expect(seconds).toBeGreaterThan(1_000);
    expect(seconds).toBeLessThanOrEqual(1_200);
  });
});

describe("the bound of what is unsent to one recipient", () => {
  it("is reached by a hundred requests at once, and never passed", async () => {
    const replies = await Promise.all(people(0, 100).map(() => notify({ recipients: ["u0"] })));
    expect(replies.filter(({ status }) => status === 202)).toHaveLength(maxUnsentPerRecipient);
    for (const reply of replies.filter(({ status }) => status !== 202))
      expectFull(reply, "MAX_UNSENT");
    expect(await unsent()).toBe(maxUnsentPerRecipient);
  });

  it("names the recipients over the limit, writes nothing of the request, and refuses no other request", async () => {
    for (let index = 0; index < maxUnsentPerRecipient; index++)
      await notify({ recipients: ["u0", "u1"] });
    const before = await api.prisma.delivery.count();
    const { body: u1 } = await api.send("GET", "/v1/recipients/u1");
    const reply = await notify({ recipients: ["u2", "u0", u1.id] }, "crowded");
    expectFull(reply, "2 of the recipients already have");
    expect(reply.body.detail).toContain("MAX_UNSENT_PER_RECIPIENT");
    expect(reply.body.errors.map(({ field }: { field: string }) => field)).toEqual([
      "/recipients/1",
      "/recipients/2",
    ]);
    expect(await api.prisma.delivery.count()).toBe(before);
    expect((await notify({ recipients: ["u2"] })).status).toBe(202);
    await send();
    await expect
      .poll(async () => (await notify({ recipients: ["u2", "u0", u1.id] }, "crowded")).status)
      .toBe(202);
  });

  it("holds for notifications to many, in whatever order", async () => {
    const names = people(0, 4);
    await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        notify({ recipients: index % 2 === 0 ? names : names.toReversed() }),
      ),
    );
    const rows = await api.prisma.delivery.groupBy({
      by: ["recipientId"],
      where: { dueAt: { not: null } },
      _count: true,
    });
    expect(rows).toHaveLength(4);
    expect(rows.map(({ _count }) => _count)).toEqual([10, 10, 10, 10]);
  });

  it("leaves a tenth more to critical ones", async () => {
    for (let index = 0; index < maxUnsentPerRecipient; index++)
      await notify({ recipients: ["u0"] });
    expectFull(await notify({ recipients: ["u0"] }), "MAX_UNSENT_PER_RECIPIENT");
    const alarm = () => notify({ recipients: ["u0"], priority: "critical" });
    expect((await alarm()).status).toBe(202);
    expectFull(await alarm(), "11");
  });

  it("bounds the tries of a template as well", async () => {
    const test = () =>
      api.send("POST", `/v1/templates/${sampleTemplate.key}/test`, {
        recipient: "u0",
        data: { order: "1" },
      });
    for (let index = 0; index < maxUnsentPerRecipient; index++)
      expect((await test()).status).toBe(202);
    expectFull(await test(), "MAX_UNSENT_PER_RECIPIENT");
  });
});

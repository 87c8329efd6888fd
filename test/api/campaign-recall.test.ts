import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parsePublicId } from "../../domain/ids.ts";
import { createCampaignWorker } from "../support/campaign-worker.ts";
import type { Answer } from "../support/recording-channel.ts";
import { type Api, makeKey, sampleTemplate, seed, startApi } from "./harness.ts";

const people = 40;

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, people);
});
afterAll(() => api.stop());
beforeEach(async () => {
  api.woken.length = 0;
  // The same recipients receive one campaign after the other.
  await api.pool.query("TRUNCATE grant_logs");
});

const template = { key: sampleTemplate.key };

async function create(part: object = {}): Promise<string> {
  const { status, body } = await api.send("POST", "/v1/campaigns", {
    name: "Spring",
    template,
    audience: { all: true },
    data: { order: "wrong" },
    ...part,
  });
  expect(status).toBe(201);
  return body.id;
}
const act = (id: string, action: string, body?: object, headers?: Record<string, string>) =>
  api.send("POST", `/v1/campaigns/${id}/${action}`, body, headers);
const correct = (id: string, part: object = {}) =>
  act(id, "correction", { name: "Sorry", template, data: { order: "right" }, ...part });

/** The external ids of those whose deliveries have one of these statuses. */
async function recipientsOf(id: string, ...statuses: string[]): Promise<string[]> {
  const rows = await api.prisma.delivery.findMany({
    where: { campaignId: parsePublicId("campaign", id)!, status: { in: statuses as ["sent"] } },
  });
  const recipients = await api.prisma.recipient.findMany({
    where: { id: { in: rows.map(({ recipientId }) => recipientId) } },
  });
  return recipients.map(({ externalId }) => externalId!).sort();
}

const addressed = (worker: ReturnType<typeof createCampaignWorker>) =>
  worker.requests.map(({ recipient }) => recipient.externalId!).sort();

/** Started and frozen, with nothing sent yet. */
async function running(part: object = {}, answer?: Answer) {
  const id = await create(part);
  await act(id, "start");
  const worker = createCampaignWorker(api.pool, answer);
  const step = await worker.advance(id);
  if (step.next !== "drain") throw new Error(`it ${step.next}s`);
  return { id, worker, lanes: step.lanes };
}

/** As `running`, with half of its lanes sent, and recalled; its workflow has not been woken yet. */
async function recalled(part: object = {}, answer?: Answer) {
  const { id, worker, lanes } = await running(part, answer);
  await worker.drain(id, lanes.slice(0, lanes.length / 2));
  const reply = await act(id, "recall", { reason: "The price was wrong" });
  expect(reply.status).toBe(200);
  return { id, worker, lanes, account: reply.body };
}

describe("a recall", () => {
  it("stops a running campaign for good, and says who received it and who never will", async () => {
    const { id, worker, lanes, account } = await recalled();
    const sent = worker.requests.length;
    expect(sent).toBeGreaterThan(0);
    expect(sent).toBeLessThan(people);
    expect(account).toEqual({
      campaign: expect.objectContaining({
        id,
        status: "cancelled",
        recalledAt: expect.any(String),
        finishedAt: null,
      }),
      received: sent,
      mayHaveReceived: 0,
      beingHandedOver: 0,
      neverWill: people - sent,
      noRecord: 0,
      final: false,
    });
    expect(api.woken).toContain(id);

    await worker.drain(id, lanes);
    expect(worker.requests).toHaveLength(sent);
    expect(await worker.advance(id)).toMatchObject({ next: "finished", reconciled: true });
    const final = await api.send("GET", `/v1/campaigns/${id}/recall`);
    expect(final.body).toMatchObject({ received: sent, neverWill: people - sent, final: true });
    expect(final.body.campaign.finishedAt).not.toBeNull();
    expect(await recipientsOf(id, "sent", "delivered")).toEqual(addressed(worker));
  });

  it("counts who may have received it, and does not call the recall final until that is known", async () => {
    const { id, worker, account } = await recalled({ guarantee: "at_most_once" }, () => "unknown");
    expect(account).toMatchObject({ received: 0, mayHaveReceived: worker.requests.length });
    const uuid = parsePublicId("campaign", id)!;
    // One more is in a worker's hands.
    await api.prisma.$executeRaw`
      UPDATE deliveries SET status = 'sending', lease_token = gen_random_uuid(), lease_until = now() + interval '1 minute'
      WHERE id = (SELECT id FROM deliveries WHERE campaign_id = ${uuid}::uuid AND status = 'pending' LIMIT 1)`;
    expect(await worker.advance(id)).toMatchObject({ next: "wait" });
    const open = await api.send("GET", `/v1/campaigns/${id}/recall`);
    expect(open.body).toMatchObject({ beingHandedOver: 1, final: false });
    const early = await correct(id);
    expect(early.status).toBe(409);
    expect(Number(early.headers.get("retry-after"))).toBeGreaterThan(0);
    await worker.advance(id, new Date(Date.now() + 120_000));
    expect((await api.send("GET", `/v1/campaigns/${id}/recall`)).body).toMatchObject({
      beingHandedOver: 0,
      mayHaveReceived: worker.requests.length + 1,
      final: true,
    });
  });

  it("counts deliveries that wait for a retry after an unanswered hand-over as unknown", async () => {
    const { id, worker } = await recalled({}, () => "unknown");
    expect(await worker.advance(id)).toMatchObject({ next: "finished", reconciled: true });
    expect(await recipientsOf(id, "unknown")).toEqual(addressed(worker));
    expect(await recipientsOf(id, "cancelled")).toHaveLength(people - worker.requests.length);
  });

  it("counts who was refused after a hand-over without an answer among those who may have received it", async () => {
    const tried = new Set<string>();
    const { id, worker, lanes } = await running({}, ({ messageId }) => {
      if (tried.has(messageId)) return "permanent";
      tried.add(messageId);
      return "unknown";
    });
    await worker.drain(id, lanes);
    const uuid = parsePublicId("campaign", id)!;
    await api.prisma
      .$executeRaw`UPDATE deliveries SET due_at = now() WHERE campaign_id = ${uuid}::uuid AND status = 'pending'`;
    await worker.drain(id, lanes);
    const unknown = await recipientsOf(id, "unknown");
    expect(unknown).toHaveLength(people);
    await worker.advance(id);
    expect((await act(id, "recall")).body).toMatchObject({
      received: 0,
      mayHaveReceived: people,
      neverWill: 0,
      final: true,
    });
    const correction = await correct(id, { includeUnknown: true });
    const second = createCampaignWorker(api.pool);
    await second.run(correction.body.id);
    expect(addressed(second)).toEqual(unknown);
  });

  it("marks what is over already, once", async () => {
    const { id, worker, lanes } = await running();
    await worker.drain(id, lanes);
    expect(await worker.advance(id)).toMatchObject({ status: "completed" });
    const first = await act(id, "recall");
    expect(first.body).toMatchObject({
      campaign: { status: "completed", recalledAt: expect.any(String) },
      received: people,
      neverWill: 0,
      final: true,
    });
    const again = await act(id, "recall", { reason: "another" });
    expect([again.status, again.body]).toEqual([200, first.body]);
    const audit = await api.send("GET", `/v1/audit?resource=${id}&action=campaign.recall`);
    expect(audit.body.items).toHaveLength(1);

    const early = await create({ startAt: "2090-01-01T00:00:00Z" });
    expect((await act(early, "recall")).body).toMatchObject({
      campaign: { status: "cancelled", finishedAt: expect.any(String) },
      received: 0,
      final: true,
    });
    const cancelled = await create({ startAt: "2090-01-01T00:00:00Z" });
    await act(cancelled, "cancel");
    expect((await act(cancelled, "recall")).body.campaign.recalledAt).not.toBeNull();
  });

  it("refuses retries of its failed deliveries", async () => {
    const { id, worker, lanes } = await running({}, () => "permanent");
    await worker.drain(id, lanes);
    await worker.advance(id);
    await act(id, "recall");
    const all = await api.send("POST", "/v1/deliveries/retry", { where: { campaign: id } });
    expect(all.body).toMatchObject({ changed: 0, skipped: { campaignCancelled: people } });
    expect((await api.send("GET", `/v1/campaigns/${id}`)).body.status).toBe("completed");
  });

  it("is written to the audit trail with its reason", async () => {
    const { id } = await recalled();
    const audit = await api.send("GET", `/v1/audit?resource=${id}&action=campaign.recall`);
    expect(audit.body.items[0]).toMatchObject({
      before: { status: "running", recalledAt: null },
      after: { status: "cancelled", reason: "The price was wrong" },
    });
  });

  it("is refused of a draft, to viewers, and of what nobody knows", async () => {
    const draft = await create();
    const refused = await act(draft, "recall");
    expect([refused.status, refused.body.detail]).toEqual([
      409,
      expect.stringContaining("Cancel it"),
    ]);
    expect((await api.send("GET", `/v1/campaigns/${draft}/recall`)).status).toBe(404);
    const { secret } = await makeKey(api, { role: "viewer" });
    const asViewer = { authorization: `Bearer ${secret}` };
    expect((await act(draft, "recall", {}, asViewer)).status).toBe(403);
    expect((await act("cmp_01jd3v8qyee7fr8xmcsnh5hbcd", "recall")).status).toBe(404);
    expect((await act(draft, "recall", { why: "x" })).status).toBe(422);
  });
});

describe("a correction", () => {
  it("goes to exactly those who received the recalled message, with the new one", async () => {
    const { id, worker } = await recalled({ priority: "high", throttle: { perSecond: 1_000 } });
    await worker.advance(id);
    api.woken.length = 0;
    const made = await correct(id);
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({
      corrects: id,
      status: "scheduled",
      name: "Sorry",
      priority: "high",
      throttle: { perSecond: 1_000 },
      audience: { where: { received: id } },
      data: { order: "right" },
    });
    expect(api.woken).toEqual([made.body.id]);

    // Who joins afterwards has nothing to be corrected.
    await api.send("PUT", "/v1/recipients/late", { email: "late@example.org" });
    const second = createCampaignWorker(api.pool);
    expect(await second.run(made.body.id)).toMatchObject({ status: "completed", reconciled: true });
    expect(addressed(second)).toEqual(addressed(worker));
    expect(second.requests.every(({ data }) => data["order"] === "right")).toBe(true);
    await api.send("DELETE", "/v1/recipients/late");
  });

  it("goes to exactly the recipients that a campaign missed, once it has finished", async () => {
    let calls = 0;
    const { id, worker, lanes } = await running({}, () =>
      ++calls % 3 === 0 ? "template_error" : "sent",
    );
    expect(await correct(id, { to: "missed" })).toMatchObject({
      status: 409,
      body: {
        detail:
          "The campaign is running. The recipients that it missed are known once it has finished.",
      },
    });
    await worker.drain(id, lanes);
    await worker.advance(id);
    expect((await correct(id, { to: "missed", includeUnknown: true })).status).toBe(422);
    const made = await correct(id, { to: "missed" });
    expect(made.body).toMatchObject({ corrects: id, audience: { where: { missed: id } } });
    const found = await api.send("GET", `/v1/campaigns?corrects=${id}`);
    expect(found.body.items.map((one: { id: string }) => one.id)).toEqual([made.body.id]);
    const none = await api.send("GET", `/v1/campaigns?corrects=${made.body.id}`);
    expect(none.body.items).toEqual([]);
    const second = createCampaignWorker(api.pool);
    await second.run(made.body.id);
    expect(addressed(second)).toEqual(await recipientsOf(id, "failed"));
    expect(second.requests.length).toBeGreaterThan(0);
  });

  it("reaches those too who may have received it, where it is asked to", async () => {
    let calls = 0;
    const { id, worker } = await recalled({ guarantee: "at_most_once" }, () =>
      ++calls % 2 === 0 ? "unknown" : "sent",
    );
    await worker.advance(id);
    const unknown = await recipientsOf(id, "unknown");
    expect(unknown.length).toBeGreaterThan(0);

    const surely = await correct(id, { priority: "low" });
    expect(surely.body).toMatchObject({ priority: "low", guarantee: "at_most_once" });
    const first = createCampaignWorker(api.pool);
    await first.run(surely.body.id);
    expect(addressed(first)).toEqual(await recipientsOf(id, "sent"));

    const all = await correct(id, { includeUnknown: true });
    expect(all.body.audience).toEqual({ where: { received: id, orUnknown: true } });
    const second = createCampaignWorker(api.pool);
    await second.run(all.body.id);
    expect(addressed(second)).toEqual(addressed(worker));
  });

  it("is one at a time", async () => {
    const { id, worker } = await recalled();
    await worker.advance(id);
    const first = await correct(id, { start: false });
    expect(first.body).toMatchObject({ status: "draft", startAt: null });
    expect(api.woken).not.toContain(first.body.id);
    const second = await correct(id);
    expect([second.status, second.body.detail]).toEqual([
      409,
      expect.stringContaining(first.body.id),
    ]);
    await act(first.body.id, "cancel");
    const replies = await Promise.all([correct(id), correct(id), correct(id)]);
    expect(replies.map(({ status }) => status).sort((a, b) => a - b)).toEqual([201, 409, 409]);
  });

  it("keeps its audience, whichever person edits it", async () => {
    const { id, worker } = await recalled();
    await worker.advance(id);
    const made = await correct(id, { start: false });
    const edited = await api.send(
      "PATCH",
      `/v1/campaigns/${made.body.id}`,
      { audience: { all: true } },
      { "if-match": "*" },
    );
    expect([edited.status, edited.body.errors[0].field]).toEqual([409, "/audience"]);
  });

  it("is refused without a recall, with data that do not fit, and to viewers", async () => {
    const { id, worker } = await running();
    expect((await correct(id)).body.detail).toContain("recall it first");
    await act(id, "recall");
    await worker.advance(id);
    expect((await correct(id, { data: {} })).body.errors[0].field).toBe("/data/order");
    expect((await correct(id, { template: { key: "nothing" } })).status).toBe(422);
    expect((await correct(id, { audience: { all: true } })).status).toBe(422);
    const { secret } = await makeKey(api, { role: "viewer" });
    const reply = await act(
      id,
      "correction",
      { name: "x", template, data: { order: "1" } },
      { authorization: `Bearer ${secret}` },
    );
    expect(reply.status).toBe(403);
    expect(
      await api.prisma.campaign.count({ where: { correctsId: parsePublicId("campaign", id)! } }),
    ).toBe(0);
  });
});

import { MockActivityEnvironment } from "@temporalio/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createChannels } from "../../activities/channels/channels.ts";
import { createInAppChannel } from "../../activities/channels/in-app/in-app.ts";
import { createDispatcher } from "../../activities/dispatch/index.ts";
import { laneNames, queueName } from "../../domain/delivery/queues.ts";
import { createLedger } from "../../ledger/ledger.ts";
import { executeOn } from "../../ledger/sql.ts";
import { noGates } from "../channels/email-channel.ts";
import { createUncachedClock } from "../support/ledger-time.ts";
import { testLinks } from "../support/links.ts";
import { advanceCampaign } from "../support/campaign-worker.ts";
import { type Answer, createRecordingChannel } from "../support/recording-channel.ts";
import { type Api, sampleTemplate, seed, startApi } from "./harness.ts";

let api: Api;
beforeAll(async () => {
  api = await startApi({ config: { mailboxShards: 1, campaignLanes: 1 } });
  await seed(api, 2);
  const note = { title: "{{ order }}", body: "It is on its way." };
  await api.send("POST", "/v1/templates", {
    ...sampleTemplate,
    key: "everywhere",
    content: { ...sampleTemplate.content, push: note, in_app: note },
  });
  // The first recipient has a device.
  await api.pool.query(
    "UPDATE recipients SET address_channels = '{push}' WHERE external_id = 'u0'",
  );
});
afterAll(() => api.stop());

const data = { order: "A-17" };
const pushElseEmail = { stages: [{ via: ["push", "email"] }] };

/** Dispatches a queue over an inbox and channels that record, of which push answers as given. Says how many messages the latter got. */
async function dispatch(queue: string, push: Answer = () => "sent") {
  const channels = [createRecordingChannel(), createRecordingChannel(push, { name: "push" })];
  const inApp = createInAppChannel({
    execute: executeOn(api.pool),
    gates: noGates,
    inFlightBound: 10,
  });
  const worker = createDispatcher({
    pool: api.pool,
    clock: createUncachedClock(api.pool),
    ledger: createLedger(api.pool),
    channels: createChannels([...channels.map(({ channel }) => channel), inApp]),
    retry: { baseMs: 60_000, capMs: 3_600_000, attempts: 3 },
    mailboxShards: 1,
    answersMs: 20_000,
    links: testLinks,
    wake: async () => {},
    lingerMs: 0,
  });
  await new MockActivityEnvironment().run(worker.dispatch, { queue });
  await inApp.close();
  return channels.map(({ channel, requests }) => `${channel.name} ${requests.length}`);
}

const mailbox = queueName({ kind: "mailbox", shard: 0 });

async function notify(template: string, route: object): Promise<string> {
  const body = { recipients: ["u0"], template: { key: template }, data, route };
  const reply = await api.send("POST", "/v1/notifications", body);
  expect([reply.status, reply.body.errors]).toEqual([202, undefined]);
  return reply.body.id;
}

const explain = async (source: string, recipient = "u0") =>
  (await api.send("GET", `/v1/explanations?source=${source}&recipient=${recipient}`)).body.delivery;

it("a campaign whose template has no content for push is sent by email, and the explanation says why", async () => {
  const { body } = await api.send("POST", "/v1/campaigns", {
    name: "Only an email",
    template: { key: sampleTemplate.key },
    data,
    audience: { where: { field: "externalId", in: ["u0", "u1"] } },
    route: pushElseEmail,
    startAt: new Date(Date.now() - 1_000).toISOString(),
  });
  await advanceCampaign(api.pool, body.id);
  expect(await dispatch(laneNames(body.id, 1)[0]!)).toEqual(["email 2", "push 0"]);
  for (const recipient of ["u0", "u1"])
    expect(await explain(body.id, recipient)).toMatchObject({
      status: "sent",
      consistent: true,
      route: { channel: "email", passedOver: [{ channel: "push", why: "no_content" }] },
    });
});

it("a channel that failed is named, with what the next one came to", async () => {
  const source = await notify("everywhere", pushElseEmail);
  expect(await dispatch(mailbox, () => "permanent")).toEqual(["email 1", "push 1"]);
  expect(await explain(source)).toMatchObject({
    status: "sent",
    route: { channel: "email", passedOver: [{ channel: "push", why: "failed" }] },
  });
});

it("a stage that waits says what would happen then, and is left out once an item of the inbox is read", async () => {
  const source = await notify("everywhere", {
    stages: [{ via: ["in_app"] }, { via: ["email"], after: { minutes: 10, unless: "read" } }],
  });
  expect(await dispatch(mailbox)).toEqual(["email 0", "push 0"]);
  const { deliveries } = (await api.send("GET", `/v1/notifications/${source}`)).body;
  const { id } = deliveries.find(({ leg }: { leg: string }) => leg === "stage:1");
  const explanation = async () => (await api.send("GET", `/v1/deliveries/${id}/explanation`)).body;
  const body = await explanation();
  expect(body).toMatchObject({ status: "pending", reason: "earlier_stage", basis: "now" });
  expect(body.summary).toMatch(
    /^It waits until .*, for the time of its stage, or for an earlier stage of its route to end\. As things stand now, it would then be sent\.$/,
  );

  const { token } = (await api.send("POST", "/v1/recipients/u0/tokens", { purposes: ["inbox"] }))
    .body;
  const headers = { authorization: `Bearer ${token}` };
  const { items } = (await api.send("GET", "/v1/me/inbox", undefined, headers)).body;
  const path = `/v1/me/inbox/${items[0].id}`;
  expect((await api.send("PATCH", path, { seen: true }, headers)).status).toBe(200);
  expect(await explanation()).toMatchObject({ status: "pending" });
  // Nothing is waited for: the answer says that it is left out.
  expect((await api.send("PATCH", path, { read: true }, headers)).status).toBe(200);
  expect(await explanation()).toMatchObject({
    status: "suppressed",
    reason: "already_reached",
    summary: "It was not sent: an earlier stage of its route has reached the recipient.",
    consistent: true,
  });
});

import { MockActivityEnvironment } from "@temporalio/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createChannels } from "../../activities/channels/channels.ts";
import { createDispatcher } from "../../activities/dispatch/index.ts";
import { createLedger } from "../../ledger/ledger.ts";
import { channelTo, provider } from "../channels/email-channel.ts";
import { startMailbox } from "../channels/mailbox.ts";
import { createUncachedClock } from "../support/ledger-time.ts";
import { testLinks } from "../support/links.ts";
import { type Api, seed, startApi } from "./harness.ts";

let api: Api;
let mailbox: Awaited<ReturnType<typeof startMailbox>>;
let channel: ReturnType<typeof channelTo>;
beforeAll(async () => {
  api = await startApi({ config: { mailboxShards: 1 } });
  await seed(api, 6);
  mailbox = await startMailbox();
  channel = channelTo([provider(mailbox.port)], { inFlightBound: 4 });
});
afterAll(async () => {
  await channel?.close();
  await mailbox?.close();
  await api.stop();
});

async function dispatch(queue: string) {
  const { dispatch: send } = createDispatcher({
    pool: api.pool,
    clock: createUncachedClock(api.pool),
    ledger: createLedger(api.pool),
    channels: createChannels([channel]),
    retry: { baseMs: 60_000, capMs: 3_600_000, attempts: 3 },
    mailboxShards: 1,
    answersMs: 20_000,
    links: testLinks,
    wake: async () => {},
    lingerMs: 0,
  });
  await new MockActivityEnvironment().run(send, { queue });
}

async function notify(body: object) {
  const reply = await api.send("POST", "/v1/notifications", body);
  expect([reply.status, reply.body.errors]).toEqual([202, undefined]);
  const { body: made } = await api.send("GET", `/v1/notifications/${reply.body.id}`);
  return made as { id: string; deliveries: { id: string; queue: string }[] };
}

const read = (id: string) => api.send("GET", `/v1/deliveries/${id}/message`);
const mailOf = (id: string) =>
  mailbox.received.find(({ raw }) => raw.includes(`X-Tidings-Delivery: ${id}`))!;

describe("the message of a delivery", () => {
  it("is byte for byte what arrived in the mailbox, with its headers", async () => {
    await api.send("PUT", "/v1/recipients/u0", {
      email: "u0@example.org",
      locale: "de-AT",
      attributes: { name: "Zoë & <b>Müller</b>" },
    });
    await api.send("POST", "/v1/templates", {
      key: "sent",
      name: "Sent",
      content: {
        email: {
          subject: "Order {{ order }} – on its way",
          html: "<p>Hello {{ recipient.attributes.name }},\n{% for line in lines %}<br>{{ line }} = 漢字…{% endfor %}</p>",
          text: "Hello {{ recipient.attributes.name }}: {{ order }}",
          fromName: "The shop",
          replyTo: "help@example.org",
        },
        locales: { de: { email: { subject: "Bestellung {{ order }}" } } },
      },
    });
    const data = { order: "A–17", lines: ["a < b", "ü"] };
    const { deliveries } = await notify({
      recipients: ["u0"],
      template: { key: "sent" },
      data,
      priority: "critical",
    });
    const [delivery] = deliveries as [{ id: string; queue: string }];
    const before = (await read(delivery.id)).body;
    expect(before).toMatchObject({ sent: false, locale: "de", differences: [] });
    await dispatch(delivery.queue);
    const { status, body } = await read(delivery.id);
    const { email: mail } = mailOf(delivery.id);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      delivery: delivery.id,
      channel: "email",
      sent: true,
      differences: [],
      template: { key: "sent", version: 1 },
      data,
      locale: "de",
      derivedFrom: null,
      notification: null,
    });
    const { email } = body;
    expect(email.subject).toBe(mail.subject);
    // A mail ends in a line break, which belongs to its encoding.
    expect(`${email.html}\n`).toBe(mail.html);
    expect(`${email.text}\n`).toBe(mail.text);
    expect(email.bytes).toEqual({
      html: Buffer.byteLength(email.html),
      text: Buffer.byteLength(email.text),
    });
    expect({ ...email, headers: undefined }).toEqual({ ...before.email, headers: undefined });
    const sent = (name: string) => mail.headers.find(({ key }) => key === name)?.value;
    const headers = Object.fromEntries(
      email.headers.map(({ name, value }: { name: string; value: string }) => [name, value]),
    );
    expect(headers["From"]).toBe(`${mail.from!.name} <${mail.from!.address}>`);
    expect(headers["To"]).toBe(`${mail.to![0]!.name} <${mail.to![0]!.address}>`);
    for (const name of ["Reply-To", "Auto-Submitted", "X-Tidings-Delivery", "Importance"])
      expect([name, headers[name]]).toEqual([name, sent(name.toLowerCase())]);
    expect(headers["Message-ID"]).toBe(mail.messageId);
  });

  it("is that of an inbox or of a push notification, made from the content of the notification", async () => {
    const { deliveries } = await notify({
      recipients: ["u1"],
      content: { title: "Hi {{ who }}", body: "Text", url: "https://example.org/{{ who }}" },
      data: { who: "Ada" },
      route: { stages: [{ via: ["in_app"] }] },
    });
    expect((await read(deliveries[0]!.id)).body).toMatchObject({
      channel: "in_app",
      template: null,
      email: null,
      notification: { title: "Hi Ada", body: "Text", url: "https://example.org/Ada", actions: [] },
    });
  });

  it("says what may have changed since, and has no links that act for the recipient", async () => {
    const html =
      '<p>{{ recipient.attributes.name }} {{ "now" | date: "%Y" }}</p>{% for a in actions %}<a href="{{ a.url }}">{{ a.label }}</a>{% endfor %}';
    const { deliveries } = await notify({
      recipients: ["u2"],
      content: { email: { subject: "S", html } },
      actions: [{ action: "complete" }, { action: "view", url: "https://example.org/secret" }],
    });
    const [{ id, queue }] = deliveries as [{ id: string; queue: string }];
    await dispatch(queue);
    await api.send("PUT", "/v1/recipients/u2", {
      email: "u2@example.org",
      attributes: { name: "Other" },
    });
    const { body } = await read(id);
    expect(body.email.html).toContain("<p>Other ");
    expect(body.email.html).toContain("https://example.invalid/action");
    expect(body.email.html).not.toContain("secret");
    expect(body.differences).toEqual([
      expect.stringMatching(/^The recipient has been changed since/),
      expect.stringMatching(/^The links of its actions are replaced/),
      expect.stringMatching(/^The template uses the current time/),
    ]);
  });

  it("is that of the version and the data of the revision that was sent", async () => {
    const { deliveries } = await notify({
      recipients: ["u3"],
      template: { key: "sent", version: 1 },
      data: { order: "1", lines: [] },
    });
    await api.send("POST", "/v1/templates/sent/versions", {
      content: { email: { subject: "Other", html: "<p>Other</p>" } },
    });
    expect((await read(deliveries[0]!.id)).body.email.subject).toBe("Order 1 – on its way");
  });

  it("is gone once the recipient is erased, and unknown for an id that is none", async () => {
    const { deliveries } = await notify({
      recipients: ["u4"],
      template: { key: "sent", version: 1 },
      data: { order: "1", lines: [] },
    });
    const { id } = deliveries[0]!;
    expect((await api.send("DELETE", "/v1/recipients/u4")).status).toBeLessThan(300);
    const { status, body } = await read(id);
    expect([status, body.type]).toEqual([410, "urn:tidings:problem:gone"]);
    expect((await read("dlv_01jd3v8qyee7fr8xmcsnh5hbcd")).status).toBe(404);
  });
});

describe("deliveries without a reason", () => {
  it("are selected by the reason none, also together with others, in lists, counts and changes", async () => {
    const { id } = await notify({
      recipients: ["u0", "u1", "u5"],
      template: { key: "sent", version: 1 },
      data: { order: "1", lines: [] },
      sendAt: new Date(Date.now() + 86_400_000).toISOString(),
      priority: "low",
    });
    const ids = async (query: string) =>
      (await api.send("GET", `/v1/deliveries?notification=${id}&${query}`)).body.items.map(
        (one: { id: string }) => one.id,
      ) as string[];
    const all = await ids("status=pending");
    expect(all).toHaveLength(3);
    await api.send("POST", `/v1/deliveries/${all[0]}/cancel`);
    expect(await ids("reason=none")).toEqual(all.slice(1));
    expect((await ids("reason=none,delivery_cancelled")).toSorted()).toEqual(all.toSorted());
    expect(await ids("reason=none&status=cancelled")).toEqual([]);
    const where = { notification: id, reason: ["none"] };
    const change = { where, priority: "high" };
    const { body: dry } = await api.send("POST", "/v1/deliveries/reprioritise", {
      ...change,
      dryRun: true,
    });
    expect(dry.matched).toBe(2);
    const { body } = await api.send("POST", "/v1/deliveries/reprioritise", change);
    expect(body).toMatchObject({ changed: 2, nextCursor: null });
    expect(await ids("priority=high")).toEqual(all.slice(1));
    const { body: queues } = await api.send(
      "GET",
      "/v1/queues?by=reason,priority&reason=none&priority=high",
    );
    expect(queues.items).toEqual([
      expect.objectContaining({ reason: null, priority: "high", waiting: 2 }),
    ]);
  });
});

describe("the explanation of a recipient", () => {
  it("has every stage of the route", async () => {
    const route = {
      stages: [{ via: ["in_app"] }, { via: ["email"], after: { minutes: 10, unless: "read" } }],
    };
    const { id } = await notify({
      recipients: ["u1"],
      content: { subject: "Staged", body: "Text" },
      route,
    });
    const { body } = await api.send("GET", `/v1/explanations?source=${id}&recipient=u1`);
    const { body: list } = await api.send(
      "GET",
      `/v1/deliveries?notification=${id}&sort=createdAt`,
    );
    expect(body.delivery).toEqual(body.stages[0]);
    expect(body.stages.map((one: { delivery: string }) => one.delivery).toSorted()).toEqual(
      list.items.map((one: { id: string }) => one.id).toSorted(),
    );
    expect(body.stages.map((one: { route: { stage: number } }) => one.route.stage)).toEqual(
      list.items.length === 1 ? [0] : [0, 1],
    );
    const { body: none } = await api.send("GET", `/v1/explanations?source=${id}&recipient=u0`);
    expect(none).toMatchObject({ owed: false, delivery: null, stages: [] });
  });
});

import { MockActivityEnvironment } from "@temporalio/testing";
import { describe, expect, it } from "vitest";
import {
  type Channel,
  type SendRequest,
  type SendResult,
} from "../../activities/channels/channel.ts";
import { createChannels } from "../../activities/channels/channels.ts";
import { createInAppChannel } from "../../activities/channels/in-app/in-app.ts";
import { createDispatcher } from "../../activities/dispatch/index.ts";
import { newUuid, publicId } from "../../domain/ids.ts";
import { inboxChannel, parseInboxHint } from "../../ledger/inbox-hints.ts";
import { createLedger } from "../../ledger/ledger.ts";
import { createNotificationHub } from "../../ledger/notification-hub.ts";
import { type Execute, executeOn } from "../../ledger/sql.ts";
import { atLedgerTime, createUncachedClock } from "../support/ledger-time.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";
import { testLinks } from "../support/links.ts";
import { patience } from "../support/patience.ts";
import { noGates, request } from "./email-channel.ts";

const database = useLedgerDatabase({ truncate: "inbox_items" });
const mailbox = "mailbox/0";

function inApp(execute: Execute = executeOn(database.pool)): Channel {
  return createInAppChannel({ execute, gates: noGates, inFlightBound: 200 });
}

const content = {
  in_app: {
    title: "Order {{ order }}",
    body: "Hello {{ recipient.attributes.name }}",
    url: "https://shop.example/orders/{{ order }}",
    category: "orders",
    actions: [{ label: "Track", url: "https://shop.example/track" }],
  },
};

const messageTo = (recipientId: string, settings: Partial<SendRequest> = {}): SendRequest => {
  const given = request(null, {
    messageId: publicId("delivery", newUuid()),
    content,
    data: { order: "A-17" },
    ...settings,
  });
  return { ...given, recipient: { ...given.recipient, id: recipientId, ...settings.recipient } };
};

const items = async () =>
  (
    await database.pool.query<Record<string, unknown>>(
      `SELECT id, recipient_id AS "recipientId", type, category, title, body, url, actions, priority, expires_at AS "expiresAt" FROM inbox_items ORDER BY id`,
    )
  ).rows;

const kindOf = (result: SendResult) =>
  result.kind === "attempted"
    ? result.attempts.map(({ outcome }) => outcome).join()
    : `${result.kind} ${result.reason}`;

/** A worker's dispatch over the channel. */
function worker(channel: Channel) {
  const { pool } = database;
  const { dispatch, sender } = createDispatcher({
    pool,
    clock: createUncachedClock(pool),
    ledger: createLedger(pool),
    channels: createChannels([channel]),
    retry: { baseMs: 60_000, capMs: 3_600_000, attempts: 3 },
    mailboxShards: 1,
    links: testLinks,
    wake: async () => {},
    answersMs: 1_000,
    lingerMs: 0,
  });
  return {
    sender,
    dispatch: (at?: Date) =>
      atLedgerTime(
        pool,
        at,
        () =>
          new MockActivityEnvironment().run(dispatch, { queue: mailbox }) as ReturnType<
            typeof dispatch
          >,
      ),
  };
}

describe("a message to an inbox", () => {
  it("becomes an item with its texts, its links and the template's buttons, and has arrived", async () => {
    const [recipientId] = await database.seed.recipients(1);
    const id = newUuid();
    const expiresAt = new Date("2099-01-01T00:00:00Z");
    const channel = inApp();
    const result = await channel.send(
      messageTo(recipientId!, {
        messageId: publicId("group", id),
        actions: [
          { action: "complete", label: "Done", url: "https://tidings.example/a/1" },
          { action: "view", label: "Open", url: "https://shop.example/track" },
        ],
        about: {
          type: "order.shipped",
          group: null,
          count: 1,
          entityIds: [],
          collapseKey: null,
          expiresAt,
        },
        priority: "high",
      }),
    );
    expect(result).toMatchObject({
      kind: "attempted",
      delivered: true,
      attempts: [{ provider: "inbox", outcome: "sent", failure: null, response: null }],
    });
    expect(await items()).toEqual([
      {
        id,
        recipientId,
        type: "order.shipped",
        category: "orders",
        title: "Order A-17",
        body: "Hello",
        url: "https://shop.example/orders/A-17",
        actions: [
          { action: "complete", label: "Done", url: "https://tidings.example/a/1" },
          { action: "view", label: "Open", url: "https://shop.example/track" },
        ],
        priority: "high",
        expiresAt,
      },
    ]);
    await channel.close();
  });

  it("is one item however often and wherever it is handed over", async () => {
    const [recipientId] = await database.seed.recipients(1);
    const channels = [inApp(), inApp()];
    const messages = Array.from({ length: 150 }, () => messageTo(recipientId!));
    const results = await Promise.all(
      channels.flatMap((channel) => [...messages, ...messages].map((one) => channel.send(one))),
    );
    expect(new Set(results.map(kindOf))).toEqual(new Set(["sent"]));
    expect(await items()).toHaveLength(150);
    await Promise.all(channels.map((channel) => channel.close()));
  });

  it("is not kept for somebody who was erased, and others are", async () => {
    const [alive, erased] = await database.seed.recipients(2);
    await database.pool.query("UPDATE recipients SET erased_at = now() WHERE id = $1", [erased]);
    const channel = inApp();
    const results = await Promise.all([alive!, erased!].map((id) => channel.send(messageTo(id))));
    expect(results.map(kindOf)).toEqual(["sent", "unsendable no_address"]);
    expect((await items()).map((item) => item.recipientId)).toEqual([alive]);
    await channel.close();
  });

  it("waits for an erasure that is under way, and is then not kept", async () => {
    const [recipientId] = await database.seed.recipients(1);
    const erasing = await database.pool.connect();
    await erasing.query("BEGIN");
    await erasing.query("SELECT FROM recipients WHERE id = $1 FOR UPDATE", [recipientId]);
    const channel = inApp();
    const sending = channel.send(messageTo(recipientId!));
    await expect
      .poll(
        async () =>
          // A transaction sees the activity as it was when it first looked.
          (
            await database.pool.query(
              "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%inbox_items%' AND datname = current_database()",
            )
          ).rowCount,
        patience,
      )
      .toBe(1);
    await erasing.query("UPDATE recipients SET erased_at = now() WHERE id = $1", [recipientId]);
    await erasing.query("COMMIT");
    erasing.release();
    expect(kindOf(await sending)).toBe("unsendable no_address");
    expect(await items()).toEqual([]);
    await channel.close();
  });

  it("holds up no other that the database cannot represent or the template cannot render", async () => {
    const [recipientId] = await database.seed.recipients(1);
    const channel = inApp();
    const nul = { in_app: { title: "A{{ odd }}B", body: "{{ odd }}x", category: "{{ odd }}" } };
    const odd = "\0\ud800";
    const results = await Promise.all([
      channel.send(
        messageTo(recipientId!, { content: nul, data: { odd }, templateVersionId: "tpv_2" }),
      ),
      channel.send(
        messageTo(recipientId!, {
          content: { in_app: { title: "x", body: "x", url: "javascript:alert(1)" } },
          templateVersionId: "tpv_3",
        }),
      ),
      channel.send(messageTo(recipientId!)),
    ]);
    expect(results.map(kindOf)).toEqual(["sent", "unsendable template_error", "sent"]);
    expect((await items()).map(({ body }) => body)).toContain("�x");
    await channel.close();
  });

  it("renders what takes long apart, while others pass", async () => {
    const [recipientId] = await database.seed.recipients(1);
    const channel = inApp();
    const long = {
      in_app: {
        title: "Long",
        body: "{% for a in (1..200) %}{% for b in (1..60) %}{{ a }}{% endfor %}{% endfor %}",
      },
    };
    const results = await Promise.all([
      channel.send(messageTo(recipientId!, { content: long, templateVersionId: "tpv_long" })),
      channel.send(messageTo(recipientId!)),
    ]);
    expect(results.map(kindOf)).toEqual(["sent", "sent"]);
    await channel.close();
  });

  it("is tried again when the database takes nothing, without counting against it", async () => {
    const [recipientId] = await database.seed.recipients(1);
    let isDown = true;
    const execute: Execute = (statement, values) =>
      isDown
        ? Promise.reject(new Error("Connection terminated unexpectedly"))
        : executeOn(database.pool)(statement, values);
    const channel = inApp(execute);
    const message = messageTo(recipientId!);
    expect(await channel.send(message)).toMatchObject({
      kind: "attempted",
      attempts: [{ outcome: "transient", failure: "connection", forgiven: true }],
    });
    isDown = false;
    expect(kindOf(await channel.send(message))).toBe("sent");
    await channel.close();
  });

  it("is not stored after its campaign was stopped", async () => {
    const [recipientId] = await database.seed.recipients(1);
    const channel = inApp();
    const stopped = messageTo(recipientId!, { begin: () => "closed" });
    expect(kindOf(await channel.send(stopped))).toBe("held provider_rate");
    expect(await items()).toEqual([]);
    await channel.close();
  });
});

describe("a worker that is killed", () => {
  it("after it added items leaves the next one nothing to repeat", async () => {
    const recipientIds = await database.seed.recipients(30);
    await database.seed.notification({ recipientIds, queue: mailbox, channel: "in_app" });
    const dying = inApp();
    // It adds the items, and never learns that it has: as if the process ended there.
    const neverAnswers: Channel = {
      ...dying,
      send: async (message) => {
        await dying.send(message);
        return new Promise(() => {});
      },
    };
    const dead = worker(neverAnswers).dispatch();
    await expect.poll(async () => (await items()).length, patience).toBe(30);
    const before = await items();
    expect(await database.statuses()).toEqual({ sending: 30 });

    const channel = inApp();
    const later = new Date(Date.now() + 3_600_000);
    await worker(channel).dispatch(later);
    expect(await database.statuses()).toEqual({ delivered: 30 });
    expect(await items()).toEqual(before);
    // It ends once it has waited long enough for answers.
    await dead;
    await Promise.all([channel.close(), dying.close()]);
  });
});

describe("the announcement of new items", () => {
  it("names each new item once, and not those that were there", async () => {
    const [recipientId] = await database.seed.recipients(1);
    const heard: string[] = [];
    const hub = createNotificationHub({
      url: database.url,
      name: "test",
      channels: [inboxChannel],
      logger: { warn() {}, info() {} },
    });
    hub.subscribe(inboxChannel, {
      onNotified(payload) {
        const hint = parseInboxHint(payload);
        if (hint?.kind === "items") heard.push(...hint.items.map(({ itemId }) => itemId));
      },
      onHealed() {},
    });
    await expect.poll(() => hub.isListening, patience).toBe(true);
    const channel = inApp();
    const ids = Array.from({ length: 400 }, () => newUuid());
    const send = (id: string) =>
      channel.send(messageTo(recipientId!, { messageId: publicId("delivery", id) }));
    await Promise.all(ids.map(send));
    await expect.poll(() => heard.length, patience).toBe(400);
    await Promise.all(ids.map(send));
    const last = newUuid();
    await send(last);
    await expect.poll(() => heard.at(-1), patience).toBe(last);
    expect(heard.toSorted()).toEqual([...ids, last].toSorted());
    await channel.close();
    hub.close();
  });
});

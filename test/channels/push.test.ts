import { afterEach, describe, expect, it, vi } from "vitest";
import type { SendResult } from "../../activities/channels/channel.ts";
import type { PushOptions } from "../../activities/channels/push/push.ts";
import { createDeviceLedger } from "../../ledger/push-devices.ts";
import { parsePublicId } from "../../domain/ids.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";
import { patience } from "../support/patience.ts";
import { outcomes } from "./email-channel.ts";
import { openSeal, pushChannel, pushRequest, registerDevice, vapidKeys } from "./push-channel.ts";
import { type PushAnswer, type PushedMessage, startPushService } from "../support/push-service.ts";

const database = useLedgerDatabase({ truncate: "breakers" });
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

type Script = Record<string, PushAnswer | PushAnswer[] | ((message: PushedMessage) => PushAnswer)>;

/** A recipient with these devices, whose push service answers each as the script says, and `201` otherwise. */
async function recipientWith(
  devices: readonly string[],
  script: Script = {},
  options: Partial<PushOptions> = {},
) {
  const { pool, seed } = database;
  const service = await startPushService((message) => {
    const told = script[message.device] ?? { status: 201 };
    if (typeof told === "function") return told(message);
    return Array.isArray(told) ? (told.shift() ?? { status: 201 }) : told;
  });
  cleanups.push(() => service.stop());
  const [recipientId] = (await seed.recipients(1)) as [string];
  const ids: Record<string, string> = {};
  for (const name of devices) {
    const [device, host] = name.split("@") as [string, string?];
    ids[device] = await registerDevice(pool, recipientId, service.addDevice(device, host));
  }
  const made = await pushChannel(pool, service, options);
  cleanups.push(() => made.stop());
  return { ...made, service, recipientId, ids };
}

const answered = async (messageId: string) =>
  (
    await database.pool.query<{ id: string }>(
      "SELECT address_id AS id FROM address_answers WHERE message_id = $1",
      [parsePublicId("delivery", messageId)],
    )
  ).rows.map(({ id }) => id);

const state = async (recipientId: string) =>
  (
    await database.pool.query<{ channels: string[]; disabled: string[] }>(
      `SELECT address_channels::text[] AS channels,
         ARRAY(SELECT disabled_reason FROM addresses a WHERE a.recipient_id = r.id AND disabled_at IS NOT NULL) AS disabled
       FROM recipients r WHERE id = $1`,
      [recipientId],
    )
  ).rows[0]!;

const attemptOf = (result: SendResult) => {
  if (result.kind !== "attempted") throw new Error(JSON.stringify(result));
  return result.attempts.at(-1)!;
};

describe("a push message", () => {
  it("arrives on every device, encrypted for it and signed for its service", async () => {
    const { channel, service, recipientId } = await recipientWith(["phone", "laptop"]);
    const result = await channel.send(pushRequest(recipientId));
    expect(outcomes(result)).toEqual(["sent"]);
    expect(attemptOf(result)).toMatchObject({
      provider: "push/other",
      failure: null,
      response: "2 of 2 devices: 201",
    });
    expect(service.faults).toEqual([]);
    expect(service.asked().toSorted()).toEqual(["laptop", "phone"]);
    for (const { payload, headers, vapid } of service.received) {
      expect(payload).toMatchObject({
        web_push: 8030,
        notification: {
          title: "Hi Ann",
          body: "Your report is due.",
          navigate: "https://example.org/17",
          data: { receipt: "https://example.org/r/token" },
        },
      });
      expect(headers).toMatchObject({ ttl: "86400", urgency: "normal" });
      expect(headers).not.toHaveProperty("topic");
      expect(vapid).toMatchObject({
        key: vapidKeys.publicKey,
        sub: "mailto:operator@example.org",
        aud: `https://127.0.0.1:${service.port}`,
      });
    }
  });

  it("is kept by the service until it expires, and replaced there by its collapse key", async () => {
    const { channel, service, recipientId } = await recipientWith(["phone"]);
    const about = {
      type: null,
      group: null,
      count: 1,
      entityIds: [],
      collapseKey: "build-17",
      expiresAt: new Date(Date.now() + 3_600_000),
    };
    await channel.send(pushRequest(recipientId, { about, priority: "high" }));
    await channel.send(pushRequest(recipientId, { about, priority: "low" }));
    const long = { ...about, expiresAt: new Date(Date.now() + 90 * 86_400_000) };
    await channel.send(pushRequest(recipientId, { about: long, priority: "critical" }));
    const [high, low, critical] = service.received as [PushedMessage, PushedMessage, PushedMessage];
    expect(Number(high.headers["ttl"])).toBeGreaterThan(3_000);
    expect(Number(high.headers["ttl"])).toBeLessThanOrEqual(3_600);
    expect(high.headers["topic"]).toBe(low.headers["topic"]);
    expect(high.headers["topic"]).toMatch(/^[\w-]{32}$/);
    expect([high, low, critical].map(({ headers }) => headers["urgency"])).toEqual([
      "high",
      "low",
      "high",
    ]);
    expect(critical.headers).not.toHaveProperty("topic");
    expect(critical.headers["ttl"]).toBe(String(28 * 86_400));
  });

  it("of every size up to the limit is decrypted as it was written", async () => {
    const { channel, service, recipientId } = await recipientWith(["phone"]);
    for (const length of [0, 1, 500, 1_999, 2_000])
      await channel.send(
        pushRequest(recipientId, {
          templateVersionId: `tpv_${length}`,
          content: { push: { title: "T", body: "é".repeat(length) || "{{ nothing }}" } },
        }),
      );
    const address = "https://example.org/".padEnd(2_000, "x");
    await channel.send(
      pushRequest(recipientId, {
        templateVersionId: "tpv_url",
        content: { push: { title: "T", body: "é".repeat(2_000), url: address } },
      }),
    );
    expect(service.faults).toEqual([]);
    expect(service.received).toHaveLength(6);
    const sizes = service.received.map(({ text }) => Buffer.byteLength(text));
    expect(sizes[4]).toBeGreaterThan(2_590);
    expect(sizes[4]).toBeLessThanOrEqual(2_600);
    // The header, the tag and the delimiter, and nothing else.
    for (const { size, text } of service.received)
      expect(size).toBe(Buffer.byteLength(text) + 86 + 16 + 1);
    expect(service.received[5]!.payload.notification.navigate).toBe(address);
  });

  it("whose recipient has no device that is in use goes nowhere", async () => {
    const { channel, service, recipientId, ids } = await recipientWith([
      "phone",
      "laptop",
      "tablet",
    ]);
    const { pool } = database;
    await pool.query(
      "UPDATE addresses SET disabled_at = now(), disabled_reason = 'gone' WHERE id = $1",
      [ids["phone"]],
    );
    await pool.query("UPDATE addresses SET expires_at = now() - interval '1 s' WHERE id = $1", [
      ids["laptop"],
    ]);
    expect(outcomes(await channel.send(pushRequest(recipientId)))).toEqual(["sent"]);
    expect(service.asked()).toEqual(["tablet"]);
    await pool.query("DELETE FROM addresses WHERE id = $1", [ids["tablet"]]);
    expect(await channel.send(pushRequest(recipientId))).toMatchObject({
      kind: "unsendable",
      reason: "no_address",
    });
    expect(service.received).toHaveLength(1);
  });

  it("that must not begin is written to no device", async () => {
    const { channel, service, recipientId } = await recipientWith(["phone", "laptop"]);
    const stopped = await channel.send(pushRequest(recipientId, { begin: () => "closed" }));
    expect(stopped.kind).toBe("held");
    // It may be stopped after the first look, while a connection is made.
    let asked = 0;
    const later = await channel.send(
      pushRequest(recipientId, { begin: () => (asked++ < 2 ? "open" : "closed") }),
    );
    expect(later.kind).toBe("held");
    expect(service.received).toEqual([]);
    const waiting = await channel.send(
      pushRequest(recipientId, {
        begin(retry) {
          if (asked++ > 20) return "open";
          setImmediate(retry);
          return "waits";
        },
      }),
    );
    expect(outcomes(waiting)).toEqual(["sent"]);
  });

  it("whose template takes long is rendered apart, and one that is faulty reaches nobody", async () => {
    const { channel, service, recipientId } = await recipientWith(["phone"]);
    const heavy = "{% for i in (1..20) %}{% for j in (1..1000) %}{% endfor %}{% endfor %}";
    const onSetApart = vi.fn<() => void>();
    const sent = await channel.send(
      pushRequest(recipientId, {
        templateVersionId: "tpv_heavy",
        content: { push: { title: "Heavy", body: `{{ name }}${heavy}` } },
        onSetApart,
      }),
    );
    expect(outcomes(sent)).toEqual(["sent"]);
    expect(onSetApart).toHaveBeenCalledOnce();
    expect(service.received[0]!.payload.notification).toMatchObject({
      title: "Heavy",
      body: "Ann",
    });
    const faulty = await channel.send(
      pushRequest(recipientId, {
        templateVersionId: "tpv_faulty",
        content: { push: { title: "T", body: "B", url: "{{ name }}" } },
      }),
    );
    expect(faulty).toMatchObject({ kind: "unsendable", reason: "template_error" });
    expect(service.received).toHaveLength(1);
  });
});

describe("a push service that answers", () => {
  it.each([
    [{ status: 200 }, "sent", "answered"],
    [{ status: 201, body: "ok" }, "sent", "answered"],
    [{ status: 400, body: "bad" }, "transient/push_4xx", "failed"],
    [{ status: 401 }, "transient/auth", "failed"],
    [{ status: 403, body: '{"reason":"BadJwtToken"}' }, "transient/auth", "failed"],
    [{ status: 403, body: '{"reason":"VapidPkHashMismatch"}' }, "permanent/auth", "answered"],
    [{ status: 404 }, "permanent/unknown_address", "answered"],
    [{ status: 410 }, "permanent/unknown_address", "answered"],
    [{ status: 406 }, "permanent/push_4xx", "answered"],
    [{ status: 429 }, "transient/push_4xx", "failed"],
    [{ status: 307, headers: { location: "https://127.0.0.1/" } }, "transient/push_4xx", "failed"],
    [{ status: 500 }, "transient/push_5xx", "failed"],
    [{ status: 503 }, "transient/push_5xx", "failed"],
    [{ cut: "HTTP/1.1 201 Cre" }, "unknown/connection", "failed"],
    [{ cut: "" }, "unknown/connection", "failed"],
    [{ cut: "HTTP/1.1 201 Created\r\ncontent-length: 10\r\n\r\nhalf" }, "sent", "answered"],
    [{ cut: "SMTP? 220 hello\r\n\r\n" }, "unknown/connection", "failed"],
  ] satisfies [PushAnswer, string, string][])(
    "%j makes the outcome %s, which its breaker counts as %s",
    async (answer, outcome, signal) => {
      const { channel, breakers, service, recipientId } = await recipientWith(["phone"], {
        phone: answer,
      });
      expect(outcomes(await channel.send(pushRequest(recipientId)))).toEqual([outcome]);
      expect(service.asked()).toEqual(["phone"]);
      await breakers.close();
      const { rows } = await database.pool.query<{ failures: number }>(
        "SELECT cardinality(failed_at) AS failures FROM breakers WHERE provider = 'push/other'",
      );
      expect(rows[0]!.failures).toBe(signal === "failed" ? 1 : 0);
    },
  );

  it("413 shows a message that no device can be sent", async () => {
    const { channel, recipientId } = await recipientWith(["phone"], { phone: { status: 413 } });
    expect(await channel.send(pushRequest(recipientId))).toMatchObject({
      kind: "unsendable",
      reason: "template_error",
    });
  });

  it("nothing has perhaps taken the message", async () => {
    const { channel, recipientId } = await recipientWith(
      ["phone"],
      { phone: "hang" },
      { deadlineMs: 500 },
    );
    expect(outcomes(await channel.send(pushRequest(recipientId)))).toEqual(["unknown/timeout"]);
  });

  it("that a device is gone disables it, and its recipient is not reached by push after the last", async () => {
    const { channel, service, recipientId } = await recipientWith(["phone", "laptop"], {
      phone: { status: 410 },
      laptop: [{ status: 201 }, { status: 404 }],
    });
    expect(outcomes(await channel.send(pushRequest(recipientId)))).toEqual(["sent"]);
    expect(await state(recipientId)).toEqual({ channels: ["push"], disabled: ["gone"] });
    expect(outcomes(await channel.send(pushRequest(recipientId)))).toEqual([
      "permanent/unknown_address",
    ]);
    expect(await state(recipientId)).toEqual({ channels: [], disabled: ["gone", "gone"] });
    expect(await channel.send(pushRequest(recipientId))).toMatchObject({ reason: "no_address" });
    expect(service.asked().filter((device) => device === "phone")).toHaveLength(1);
  });

  it("that both devices are gone at once disables both", async () => {
    const gone = { status: 410 };
    const { channel, recipientId } = await recipientWith(["phone", "laptop"], {
      phone: gone,
      laptop: gone,
    });
    expect(outcomes(await channel.send(pushRequest(recipientId)))).toEqual([
      "permanent/unknown_address",
    ]);
    expect(await state(recipientId)).toEqual({ channels: [], disabled: ["gone", "gone"] });
  });

  it.each([408, 425, 429, 503])(
    "%i with a time is left alone until then, at no cost, and other services are not",
    async (status) => {
      const { channel, service, gates, recipientId } = await recipientWith(
        ["phone@fcm.googleapis.com", "laptop@updates.push.services.mozilla.com"],
        { phone: { status, headers: { "retry-after": "120" } } },
      );
      const request = pushRequest(recipientId);
      const held = await channel.send(request);
      if (held.kind !== "held") throw new Error(held.kind);
      expect(held.reason).toBe("provider_rate");
      expect(held.until.getTime()).toBeGreaterThan(Date.now() + 60_000);
      await channel.send(request);
      expect(service.asked().toSorted()).toEqual(["laptop", "phone"]);
      await vi.waitFor(async () => {
        await gates.refresh();
        const { rows } = await database.pool.query(
          "SELECT key FROM gates WHERE shut_until > now() + interval '1 minute'",
        );
        expect(rows).toEqual([{ key: "provider/push/fcm" }]);
      }, patience);
      // The other device's service is as it was.
      await database.pool.query("DELETE FROM addresses WHERE service LIKE 'fcm%'");
      expect(outcomes(await channel.send(pushRequest(recipientId)))).toEqual(["sent"]);
    },
  );

  it("is not quoted with the address of the device", async () => {
    const { channel, recipientId, service } = await recipientWith(["phone"], {
      phone: ({ path }) => ({
        status: 500,
        body: `cannot reach ${path}\r\n\u0000 for ann@example.org at https://internal.example.org/x?y`,
      }),
    });
    const { response } = attemptOf(await channel.send(pushRequest(recipientId)));
    expect(response).toBe("500 cannot reach /wpush/v2/… for … at …");
    expect(service.received).toHaveLength(1);
  });
});

describe("a message to several devices", () => {
  it("is owed to those that could not take it, which alone are asked again", async () => {
    const { channel, service, recipientId, ids } = await recipientWith(
      ["phone", "laptop", "tablet"],
      { laptop: [{ status: 500 }, { status: 502 }, { status: 201 }], tablet: [{ status: 500 }] },
    );
    const request = pushRequest(recipientId);
    const first = await channel.send(request);
    expect(outcomes(first)).toEqual(["transient/push_5xx"]);
    expect(attemptOf(first).response).toBe("1 of 3 devices: 500");
    expect(await answered(request.messageId)).toEqual([ids["phone"]]);
    expect(outcomes(await channel.send(request))).toEqual(["transient/push_5xx"]);
    expect(new Set(await answered(request.messageId))).toEqual(
      new Set([ids["phone"], ids["tablet"]]),
    );
    expect(outcomes(await channel.send(request))).toEqual(["sent"]);
    expect(service.asked().toSorted()).toEqual([
      "laptop",
      "laptop",
      "laptop",
      "phone",
      "tablet",
      "tablet",
    ]);
    // The message has ended, so that nothing of it remains.
    await channel.close();
    expect(await answered(request.messageId)).toEqual([]);
  });

  it("is sent if one took it and no attempt is left for the others, or no time", async () => {
    const failing = { laptop: { status: 500 } };
    const { channel, recipientId } = await recipientWith(["phone", "laptop"], failing);
    const last = await channel.send(pushRequest(recipientId, { retriesWithinMs: null }));
    expect(outcomes(last)).toEqual(["sent"]);
    const about = { type: null, group: null, count: 1, entityIds: [], collapseKey: null };
    const expiring = await channel.send(
      pushRequest(recipientId, {
        about: { ...about, expiresAt: new Date(Date.now() + 30_000) },
        retriesWithinMs: 60_000,
      }),
    );
    expect(outcomes(expiring)).toEqual(["sent"]);
  });

  it("counts as unanswered before it counts as refused, and is not repeated where one took it", async () => {
    const options = { deadlineMs: 5_000 };
    const one = await recipientWith(
      ["phone", "laptop"],
      { phone: { status: 406 }, laptop: "hang" },
      options,
    );
    expect(outcomes(await one.channel.send(pushRequest(one.recipientId)))).toEqual([
      "unknown/timeout",
    ]);
    const two = await recipientWith(
      ["phone", "laptop", "tablet"],
      { laptop: "hang", tablet: [{ status: 500 }] },
      options,
    );
    const request = pushRequest(two.recipientId);
    expect(outcomes(await two.channel.send(request))).toEqual(["transient/push_5xx"]);
    expect(outcomes(await two.channel.send(request))).toEqual(["sent"]);
    expect(two.service.asked().toSorted()).toEqual(["laptop", "phone", "tablet", "tablet"]);
    const three = await recipientWith(
      ["laptop", "tablet"],
      { laptop: "hang", tablet: { status: 500 } },
      options,
    );
    expect(outcomes(await three.channel.send(pushRequest(three.recipientId)))).toEqual([
      "unknown/timeout",
      "transient/push_5xx",
    ]);
  });

  it("is sent, rather than shown twice, if it cannot be recorded who took it", async () => {
    const ledger = createDeviceLedger(database.pool);
    const { channel, service, recipientId } = await recipientWith(
      ["phone", "laptop"],
      { laptop: { status: 500 } },
      { devices: { ...ledger, recordAnswers: () => Promise.reject(new Error("away")) } },
    );
    expect(outcomes(await channel.send(pushRequest(recipientId)))).toEqual(["sent"]);
    expect(service.received).toHaveLength(2);
  });

  it("is not handed over at all while the devices cannot be read", async () => {
    const ledger = createDeviceLedger(database.pool);
    const { channel, service, recipientId } = await recipientWith(
      ["phone"],
      {},
      { devices: { ...ledger, owed: () => Promise.reject(new Error("away")) } },
    );
    expect(await channel.send(pushRequest(recipientId))).toMatchObject({
      kind: "held",
      reason: "provider_unavailable",
    });
    expect(service.received).toEqual([]);
  });

  it("skips a device whose subscription cannot be opened", async () => {
    const { channel, service, recipientId, ids } = await recipientWith(["phone", "laptop"]);
    await database.pool.query(
      "UPDATE addresses SET value = (SELECT value FROM addresses WHERE id = $1) WHERE id = $2",
      [ids["laptop"], ids["phone"]],
    );
    const request = pushRequest(recipientId, { retriesWithinMs: null });
    expect(outcomes(await channel.send(request))).toEqual(["sent"]);
    expect(service.asked()).toEqual(["laptop"]);
    await database.pool.query("DELETE FROM addresses WHERE id = $1", [ids["laptop"]]);
    const alone = await channel.send(pushRequest(recipientId));
    expect(outcomes(alone)).toEqual(["transient/address_unreadable"]);
    const damaged = await openSeal.seal(Buffer.from('{"endpoint":"https://x.example"}'), {
      table: "addresses",
      column: "value",
      row: ids["phone"]!,
    });
    await database.pool.query("UPDATE addresses SET value = $1 WHERE id = $2", [
      damaged,
      ids["phone"],
    ]);
    expect(outcomes(await channel.send(pushRequest(recipientId)))).toEqual([
      "permanent/address_unreadable",
    ]);
  });

  it("reads the devices of many messages in few statements", async () => {
    const ledger = createDeviceLedger(database.pool);
    const reads: number[] = [];
    const { channel, service, recipientId } = await recipientWith(
      ["phone"],
      {},
      {
        devices: {
          ...ledger,
          owed(messages) {
            reads.push(messages.length);
            return ledger.owed(messages);
          },
        },
      },
    );
    await Promise.all(Array.from({ length: 60 }, () => channel.send(pushRequest(recipientId))));
    expect(service.received).toHaveLength(60);
    expect(reads).toEqual([60]);
  });
});

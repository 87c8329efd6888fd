import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  payloadLimit,
  type PayloadTerms,
  type PushPayload,
  writePushPayload,
} from "./push-payload.ts";
import type { PushMessage } from "./templates/push.ts";
import { TemplateError } from "./templates/template-error.ts";

const message: PushMessage = {
  title: "Report due",
  body: "The report is due at 17:00.",
  url: "https://tasks.example.org/17",
  requireInteraction: false,
  silent: false,
  actions: [],
};
const about: PayloadTerms["about"] = {
  type: "task.deadline",
  group: null,
  count: 1,
  entityIds: ["task-17"],
  collapseKey: null,
};
const terms: PayloadTerms = {
  messageId: "dlv_01",
  recipientId: "0190",
  locale: "de",
  priority: "normal",
  actions: [
    { action: "view", label: "View", url: "https://n.example.org/a/1" },
    { action: "snooze", label: "Snooze", url: "https://n.example.org/a/2" },
    { action: "complete", label: "Done", url: "https://n.example.org/a/3" },
  ],
  receipt: "https://n.example.org/r/4",
  about,
  atMs: 1_800_000_000_000,
};

const write = (given: Partial<PushMessage> = {}, of: Partial<PayloadTerms> = {}) => {
  const { text, topic } = writePushPayload({ ...message, ...given }, { ...terms, ...of });
  const payload = JSON.parse(text) as PushPayload;
  return { text, topic, payload, ...payload.notification };
};

describe("the payload of a push message", () => {
  it("is a declarative message, with what the service worker needs beside it", () => {
    expect(write().payload).toEqual({
      web_push: 8030,
      notification: {
        title: "Report due",
        body: "The report is due at 17:00.",
        navigate: "https://tasks.example.org/17",
        lang: "de",
        tag: "dlv_01",
        timestamp: 1_800_000_000_000,
        actions: [
          { action: "0", title: "View", navigate: "https://n.example.org/a/1" },
          { action: "1", title: "Snooze", navigate: "https://n.example.org/a/2" },
          { action: "2", title: "Done", navigate: "https://n.example.org/a/3" },
        ],
        data: {
          type: "task.deadline",
          count: 1,
          url: "https://tasks.example.org/17",
          entityIds: ["task-17"],
          id: "dlv_01",
          receipt: "https://n.example.org/r/4",
          actions: [
            { kind: "view", url: "https://n.example.org/a/1" },
            { kind: "snooze", url: "https://n.example.org/a/2" },
            { kind: "complete", url: "https://n.example.org/a/3" },
          ],
        },
      },
    });
  });

  it("has the template's own buttons, whose kind is known if they are links that act", () => {
    const { actions, data } = write({
      actions: [
        { label: "Open", url: "https://tasks.example.org", icon: "https://i.example.org/1.png" },
        {
          label: "Not now, please, I am really very busy at the moment",
          url: terms.actions[1]!.url,
        },
      ],
    });
    expect(actions).toEqual([
      {
        action: "0",
        title: "Open",
        navigate: "https://tasks.example.org",
        icon: "https://i.example.org/1.png",
      },
      {
        action: "1",
        title: "Not now, please, I am really very busy…",
        navigate: terms.actions[1]!.url,
      },
    ]);
    expect(data.actions.map(({ kind }) => kind)).toEqual([null, "snooze"]);
  });

  it("opens the link of the recipient's action if the template has no address, or nothing", () => {
    const { url: _, ...rest } = message;
    const opened = (actions: PayloadTerms["actions"]) =>
      JSON.parse(writePushPayload(rest, { ...terms, actions }).text) as PushPayload;
    expect(opened(terms.actions).notification.navigate).toBe("https://n.example.org/a/1");
    expect(opened([]).notification).not.toHaveProperty("navigate");
    expect(opened([]).notification.data.url).toBeNull();
  });

  it("of a group acts on all members", () => {
    const { data } = write({}, { about: { ...about, group: "digest" } });
    expect(data.actions.map(({ kind }) => kind)).toEqual([
      "view-all",
      "snooze-all",
      "check-in-all",
    ]);
  });
});

describe("what a push message replaces", () => {
  const collapse = { ...about, collapseKey: "build-17" };
  const batch = { ...about, group: "batch" as const };

  it("is a repeat of itself, and nothing at the push service", () => {
    expect(write()).toMatchObject({ tag: "dlv_01", topic: null });
    expect(write({}, { about: { ...about, group: "digest" } })).toMatchObject({
      tag: "dlv_01",
      topic: null,
    });
  });

  it.each([
    ["a message with its collapse key", {}, { about: collapse }],
    ["the earlier batch of its type", {}, { about: batch }],
  ])("is %s, on the device and at the push service", (_, given, of) => {
    const { tag, topic } = write(given, of);
    expect(topic).toMatch(/^[\w-]{32}$/);
    expect(tag).toBe(topic);
    expect(write(given, { ...of, messageId: "grp_02" }).tag).toBe(tag);
    expect(write(given, { ...of, recipientId: "0191" }).tag).not.toBe(tag);
  });

  it("is a message with the template's tag", () => {
    const { tag, topic } = write({ tag: "order-17" }, { about: collapse });
    expect(tag).toBe("order-17");
    expect(topic).toMatch(/^[\w-]{32}$/);
    const long = write({ tag: "x".repeat(500) });
    expect(long.tag).toBe(long.topic);
  });

  it("is never a critical message, which stays until somebody reacts", () => {
    const critical = write({ tag: "order-17" }, { about: collapse, priority: "critical" });
    expect(critical).toMatchObject({ tag: "dlv_01", topic: null, requireInteraction: true });
    expect(write()).not.toHaveProperty("requireInteraction");
  });
});

const bytes = (text: string) => Buffer.byteLength(text);
const address = (length: number, of: string) =>
  `https://${of}.example.org/`.padEnd(length, "abcdefghij");

describe("a push message that is too long", () => {
  it("is cut to the limit, between characters, and keeps what the device needs", () => {
    const family = "👨‍👩‍👧‍👦";
    const { text, body, data } = write({ body: family.repeat(90) });
    expect(bytes(text)).toBeLessThanOrEqual(payloadLimit);
    expect(bytes(text)).toBeGreaterThan(payloadLimit - bytes(family) - 3);
    expect(body.replaceAll(family, "")).toBe("…");
    expect(data).toEqual(write().data);
  });

  it("counts what JSON makes of the text", () => {
    for (const body of ['"'.repeat(2_000), "\u0001".repeat(2_000), "\\n\n".repeat(600)]) {
      const { text } = write({ body });
      expect(bytes(text)).toBeLessThanOrEqual(payloadLimit);
      expect(bytes(text)).toBeGreaterThan(payloadLimit - 20);
    }
  });

  it("loses its pictures and its last buttons before its text", () => {
    const body = "The body of the message. ".repeat(20);
    const pictures = { image: address(1_300, "image"), icon: address(500, "icon") };
    const one = write({ ...pictures, body });
    expect(one).not.toHaveProperty("image");
    expect(one).toHaveProperty("icon");
    expect(one.body.length).toBeGreaterThan(200);

    const actions = terms.actions.map((action) => ({ ...action, url: address(600, action.label) }));
    const two = write({ ...pictures, body }, { actions });
    expect(two.actions.length).toBe(1);
    expect(two.data.actions.length).toBe(1);
    expect(two.body.length).toBeGreaterThan(200);
    for (const { text } of [one, two]) expect(bytes(text)).toBeLessThanOrEqual(payloadLimit);
  });

  it("may go up to what every push service takes for the sake of its address, and no further", () => {
    const { text, navigate, data, body } = write({
      url: address(2_000, "long"),
      body: "The body of the message. ".repeat(40),
      title: "A title ".repeat(60),
    });
    expect(navigate).toHaveLength(2_000);
    expect(data.url).toBeNull();
    expect(body.length).toBeGreaterThan(200);
    expect(bytes(text)).toBeLessThanOrEqual(3_993);
    expect(() =>
      write({ url: address(2_000, "long") }, { receipt: address(2_000, "receipt") }),
    ).toThrow(TemplateError);
  });

  it("fits whatever it is made of", () => {
    const texts = fc.string({ unit: "grapheme", maxLength: 2_000 });
    const entityIds = fc.array(fc.string({ unit: "grapheme", maxLength: 64 }), { maxLength: 30 });
    fc.assert(
      fc.property(texts, texts, entityIds, (body, title, ids) => {
        const { text, ...shown } = write({ body, title }, { about: { ...about, entityIds: ids } });
        expect(bytes(text)).toBeLessThanOrEqual(payloadLimit);
        const isCut = shown.body !== body;
        if (isCut) expect(body.startsWith(shown.body.replace(/…$/, ""))).toBe(true);
      }),
    );
  });
});

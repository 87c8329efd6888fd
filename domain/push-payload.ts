import { createHash } from "node:crypto";
import type { Priority } from "./priority.ts";
import { TemplateError } from "./templates/template-error.ts";
import type { PushMessage } from "./templates/push.ts";
import type { ActionLink } from "./templates/template.ts";

/*
 * The payload of a push message: the JSON of declarative web push (https://webkit.org/blog/16535/meet-declarative-web-push/), which Safari shows
 * without a service worker, and which the service worker of Tidings shows elsewhere.
 */

/** What an action of a notification does. The kinds that end in `-all` act on all members of a group. */
type ActionKind = ActionLink["action"] | "view-all" | "snooze-all" | "check-in-all";

interface PayloadAction {
  action: string;
  title: string;
  navigate: string;
  icon?: string;
}

export interface PushPayload {
  web_push: 8030;
  notification: {
    title: string;
    body: string;
    navigate?: string;
    lang?: string;
    tag?: string;
    icon?: string;
    image?: string;
    badge?: string;
    silent?: true;
    requireInteraction?: true;
    timestamp: number;
    actions: PayloadAction[];
    data: {
      type: string | null;
      count: number;
      url: string | null;
      entityIds: string[];
      /** The public id of the delivery or the group. */
      id: string;
      /** Where the device reports what became of the notification. */
      receipt: string | null;
      /** In the order of the notification's actions. The kind is null for a link that acts on nothing. */
      actions: { kind: ActionKind | null; url: string }[];
    };
  };
}

/** What the payload of a message depends on besides its rendered template. */
export interface PayloadTerms {
  messageId: string;
  recipientId: string;
  /** The language of the texts; null if that is not known. */
  locale: string | null;
  priority: Priority;
  actions: readonly ActionLink[];
  receipt: string | null;
  about: {
    type: string | null;
    group: "batch" | "digest" | null;
    count: number;
    entityIds: readonly string[];
    collapseKey: string | null;
  };
  /** The instant of the message, in milliseconds since the epoch. */
  atMs: number;
}

/** The encrypted message, apart from its address. */
export interface PushText {
  /** JSON in UTF-8 of at most `payloadLimit` bytes, unless only addresses are left that exceed it. */
  text: string;
  /** By which a push service replaces an earlier message that still waits for its device; null if it replaces none. */
  topic: string | null;
}

/** Larger messages do not pass the bridge from Mozilla's push service to Android. What is cut is in the inbox. */
export const payloadLimit = 2_600;
/** The bytes of plain text that fit into a record that every push service takes (RFC 8291, section 4). */
const hardLimit = 3_993;
/** Rather than cut the body to fewer bytes than these, pictures, ids and buttons are left out. */
const leastBody = 240;

const titleLimit = 200;
const actionTitleLimit = 40;
const maxActions = 3;
const maxEntityIds = 20;
const literalTagLimit = 64;

/**
 * Writes the payload of a message. If it is too long, pictures, the ids of entities and the last buttons are left out, and the texts are cut
 * between characters. Throws `TemplateError` if the addresses alone are too long.
 */
export function writePushPayload(message: PushMessage, terms: PayloadTerms): PushText {
  const { tag, topic } = subjectOf(message, terms);
  const whole = buildPayload(message, terms, tag);
  return { text: fit(whole), topic };
}

function buildPayload(message: PushMessage, terms: PayloadTerms, tag: string): PushPayload {
  const { about, actions: links, priority, locale } = terms;
  const url = message.url ?? links.find(({ action }) => action === "view")?.url ?? null;
  const buttons = buttonsOf(message, terms);
  const { icon, image, badge } = message;
  return {
    web_push: 8030,
    notification: {
      title: message.title,
      body: message.body,
      ...(url !== null && { navigate: url }),
      ...(locale !== null && { lang: locale }),
      tag,
      ...(icon !== undefined && { icon }),
      ...(image !== undefined && { image }),
      ...(badge !== undefined && { badge }),
      ...(message.silent && { silent: true }),
      ...((message.requireInteraction || priority === "critical") && { requireInteraction: true }),
      timestamp: terms.atMs,
      actions: buttons.map(({ title, url: navigate, icon: own }, index) => ({
        action: String(index),
        title,
        navigate,
        ...(own !== undefined && { icon: own }),
      })),
      data: {
        type: about.type,
        count: about.count,
        url,
        entityIds: about.entityIds.slice(0, maxEntityIds),
        id: terms.messageId,
        receipt: terms.receipt,
        actions: buttons.map(({ kind, url: to }) => ({ kind, url: to })),
      },
    },
  };
}

/** The buttons of the template, or otherwise those of the recipient's actions. */
function buttonsOf({ actions }: PushMessage, { actions: links, about }: PayloadTerms) {
  const kindOf = (action: ActionLink["action"]) =>
    about.group === null ? action : groupKinds[action];
  const kinds = new Map(links.map(({ url, action }) => [url, kindOf(action)]));
  const buttons: readonly { label: string; url: string; icon?: string }[] =
    actions.length > 0 ? actions : links;
  return buttons.slice(0, maxActions).map(({ label, url, icon }) => ({
    title: cutText(label, actionTitleLimit),
    url,
    icon,
    kind: kinds.get(url) ?? null,
  }));
}

const groupKinds = {
  view: "view-all",
  snooze: "snooze-all",
  complete: "check-in-all",
} as const satisfies Record<ActionLink["action"], ActionKind>;

/**
 * What the message replaces: on a device by its tag, and at a push service by its topic. Every message has a tag, so that a repeated hand-over
 * replaces its first copy. A critical message is replaced by no other one.
 */
function subjectOf(
  { tag }: PushMessage,
  { messageId, recipientId, about, priority }: PayloadTerms,
): { tag: string; topic: string | null } {
  const own = { tag: messageId, topic: null };
  if (priority === "critical") return own;
  const hash = (kind: string, key: string) =>
    createHash("sha256")
      .update(JSON.stringify([recipientId, kind, key]))
      .digest("base64url")
      .slice(0, 32);
  if (tag !== undefined) {
    const topic = hash("tag", tag);
    return { tag: tag.length <= literalTagLimit ? tag : topic, topic };
  }
  const topic =
    about.collapseKey !== null
      ? hash("collapse", about.collapseKey)
      : about.group === "batch" && about.type !== null
        ? hash("batch", about.type)
        : null;
  return topic === null ? own : { tag: topic, topic };
}

type Notification = PushPayload["notification"];

/** Parts that are left out one after the other, the least important first. */
const reductions: readonly ((notification: Notification) => Notification)[] = [
  (notification) => without(notification, "image"),
  (notification) => ({
    ...without(notification, "badge"),
    actions: notification.actions.map((action) => without(action, "icon")),
  }),
  (notification) => without(notification, "icon"),
  (rest) => ({ ...rest, data: { ...rest.data, entityIds: rest.data.entityIds.slice(0, 1) } }),
  withoutLastAction,
  withoutLastAction,
  withoutLastAction,
  (rest) => ({ ...rest, data: { ...rest.data, url: null, entityIds: [] } }),
];

function without<Part extends object, Key extends keyof Part>(part: Part, key: Key) {
  const copy: Omit<Part, Key> & Partial<Pick<Part, Key>> = { ...part };
  delete copy[key];
  return copy;
}

function withoutLastAction(notification: Notification): Notification {
  return {
    ...notification,
    actions: notification.actions.slice(0, -1),
    data: { ...notification.data, actions: notification.data.actions.slice(0, -1) },
  };
}

function fit({ web_push, notification: whole }: PushPayload): string {
  const write = (notification: Notification) => JSON.stringify({ web_push, notification });
  const all = write(whole);
  if (bytesOf(all) <= payloadLimit) return all;
  const notification = { ...whole, title: cutText(whole.title, titleLimit) };
  const needed = Math.min(leastBody, jsonBytes(notification.body));
  let reduced: Notification = notification;
  for (const reduce of [(same: Notification) => same, ...reductions]) {
    reduced = reduce(reduced);
    const room = payloadLimit - bytesOf(write({ ...reduced, body: "" }));
    if (room >= needed) return write({ ...reduced, body: cutToBytes(reduced.body, room) });
  }
  const rest = write({ ...reduced, body: cutToBytes(reduced.body, needed) });
  if (bytesOf(rest) <= hardLimit) return rest;
  throw new TemplateError("url", "is too long for a push message");
}

const bytesOf = (text: string) => Buffer.byteLength(text);

/** The bytes of a text within JSON, without its quotation marks. */
const jsonBytes = (text: string) => bytesOf(JSON.stringify(text)) - 2;

const characters = new Intl.Segmenter("en", { granularity: "grapheme" });
const ellipsis = "…";

/** Cuts a text to a number of bytes within JSON, between characters as people see them, and marks the cut by an ellipsis. */
function cutToBytes(text: string, limit: number): string {
  return cutTo(text, limit, jsonBytes);
}

const cutText = (text: string, limit: number): string => cutTo(text, limit, ({ length }) => length);

function cutTo(text: string, limit: number, sizeOf: (part: string) => number): string {
  if (sizeOf(text) <= limit) return text;
  let room = limit - sizeOf(ellipsis);
  if (room < 0) return "";
  let length = 0;
  // A text of this many UTF-16 units has at least as many bytes.
  for (const { segment } of characters.segment(text.slice(0, limit + 1))) {
    room -= sizeOf(segment);
    if (room < 0) break;
    length += segment.length;
  }
  return `${text.slice(0, length).trimEnd()}${ellipsis}`;
}

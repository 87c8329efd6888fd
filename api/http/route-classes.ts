import { encodedLength, maxAttachmentBytes } from "../../domain/attachment.ts";

/** The database connections that the handlers of a class use. The sets are separate, so that waiting for one does not block another. */
type Connections = "none" | "lookup" | "accept" | "public" | "shared";

/** The largest body that uploads an attachment: the content in base64, and its description. */
const attachmentBody = encodedLength(maxAttachmentBytes) + 4_096;

/** The limits of the requests of a class. */
export interface RouteClass {
  /** The purpose of the routes of the class, for the table in the documentation. */
  purpose: string;
  /**
   * The largest body in bytes: `configured` is API_BODY_LIMIT_BYTES, `attachment` has room for the largest attachment if that is more,
   * `stream` is a stream of any length, and 0 allows no body.
   */
  body: number | "configured" | "attachment" | "stream";
  /** Seconds within which a body must arrive. Null if no body is read, and for a stream, whose connection is closed when it is idle. */
  bodySeconds: number | null;
  /** Requests that a process handles at once; null for any number, because they cost next to nothing. */
  atOnce: number | null;
  /** Requests of one caller that a process handles at once. Callers without a key count as one caller for each path. */
  perCaller: number;
  /** Requests that wait for their turn. One caller may have half of them. Further requests are refused at once. */
  waiting: number;
  /** A request that gets no turn within this many seconds is refused. */
  waitSeconds: number;
  connections: Connections;
}

const kib = 1_024;

/** Every class of routes. `defineRoute` gives each route its class, and the class alone sets the limits of its requests. */
export const routeClasses = {
  probe: {
    purpose: "probes of whether the process is alive and ready",
    body: 0,
    bodySeconds: null,
    atOnce: null,
    perCaller: 0,
    waiting: 0,
    waitSeconds: 0,
    connections: "lookup",
  },
  page: {
    purpose: "the documentation, the console and scripts",
    body: 0,
    bodySeconds: null,
    atOnce: 16,
    perCaller: 16,
    waiting: 128,
    waitSeconds: 2,
    connections: "none",
  },
  public: {
    purpose: "operations without a key: links in messages, signing in",
    body: 16 * kib,
    bodySeconds: 10,
    atOnce: 8,
    perCaller: 4,
    waiting: 256,
    waitSeconds: 2,
    connections: "public",
  },
  tracking: {
    purpose: "images and links of emails, whose answers do not wait for the database",
    body: 0,
    bodySeconds: null,
    atOnce: 128,
    perCaller: 128,
    waiting: 2_048,
    waitSeconds: 2,
    connections: "public",
  },
  unsubscribe: {
    purpose: "unsubscribing by a link in a message",
    body: kib,
    bodySeconds: 10,
    atOnce: 8,
    perCaller: 4,
    waiting: 256,
    waitSeconds: 2,
    connections: "public",
  },
  signUp: {
    purpose: "signing up for topics",
    body: 4 * kib,
    bodySeconds: 10,
    atOnce: 4,
    perCaller: 2,
    waiting: 64,
    waitSeconds: 2,
    connections: "public",
  },
  webhook: {
    purpose: "what providers of email report",
    body: 1_024 * kib,
    bodySeconds: 30,
    atOnce: 4,
    perCaller: 4,
    waiting: 256,
    waitSeconds: 10,
    connections: "public",
  },
  recipient: {
    purpose: "operations of recipients on their own data",
    body: 16 * kib,
    bodySeconds: 10,
    atOnce: 8,
    perCaller: 2,
    waiting: 64,
    waitSeconds: 2,
    connections: "shared",
  },
  selfService: {
    purpose: "the preference centre, whose links are verified before anything else is read",
    body: 16 * kib,
    bodySeconds: 10,
    atOnce: 8,
    perCaller: 2,
    waiting: 64,
    waitSeconds: 2,
    connections: "shared",
  },
  stream: {
    purpose: "opening streams, which are bounded by numbers of their own once they are open",
    body: 0,
    bodySeconds: null,
    atOnce: 8,
    perCaller: 2,
    waiting: 256,
    waitSeconds: 5,
    connections: "shared",
  },
  accept: {
    purpose: "accepting notifications",
    body: "configured",
    bodySeconds: 30,
    atOnce: 128,
    perCaller: 128,
    waiting: 2_048,
    waitSeconds: 10,
    connections: "accept",
  },
  read: {
    purpose: "lists, single resources, and previews of decisions",
    body: "configured",
    bodySeconds: 30,
    atOnce: 12,
    perCaller: 8,
    waiting: 256,
    waitSeconds: 3,
    connections: "shared",
  },
  heavy: {
    purpose: "reads that may look at every row",
    body: "configured",
    bodySeconds: 30,
    atOnce: 2,
    perCaller: 1,
    waiting: 32,
    waitSeconds: 15,
    connections: "shared",
  },
  render: {
    purpose: "previews that render templates",
    body: "configured",
    bodySeconds: 30,
    atOnce: 4,
    perCaller: 2,
    waiting: 64,
    waitSeconds: 15,
    connections: "shared",
  },
  change: {
    purpose: "changes",
    body: "configured",
    bodySeconds: 30,
    atOnce: 16,
    perCaller: 12,
    waiting: 512,
    waitSeconds: 30,
    connections: "shared",
  },
  upload: {
    purpose: "uploads of attachments",
    body: "attachment",
    bodySeconds: 60,
    atOnce: 2,
    perCaller: 1,
    waiting: 32,
    waitSeconds: 30,
    connections: "shared",
  },
  import: {
    purpose: "imports, which are streams of lines",
    body: "stream",
    bodySeconds: null,
    atOnce: 8,
    perCaller: 4,
    waiting: 0,
    waitSeconds: 0,
    connections: "shared",
  },
  operations: {
    purpose: "metrics, health, queues, providers and gates",
    body: 0,
    bodySeconds: null,
    atOnce: 4,
    perCaller: 2,
    waiting: 32,
    waitSeconds: 5,
    connections: "shared",
  },
} as const satisfies Record<string, RouteClass>;

export type RouteClassName = keyof typeof routeClasses;

/** Finds the largest body, in bytes, that a class accepts; null for a stream. */
export function bodyLimitOf(name: RouteClassName, configured: number): number | null {
  const { body } = routeClasses[name];
  if (body === "stream") return null;
  if (body === "attachment") return Math.max(attachmentBody, configured);
  return body === "configured" ? configured : Math.min(body, configured);
}

/** The connections that the handlers of a class use; each set is apart, so that whoever waits for one keeps nobody from another. */
type Connections = "none" | "lookup" | "accept" | "public" | "shared";

/** How requests of a class are let in. */
export interface RouteClass {
  /** What it is for, for the table in the documentation. */
  holds: string;
  /** Bytes of a body: `configured` is API_BODY_LIMIT_BYTES, `stream` a stream of any length, 0 none at all. */
  body: number | "configured" | "stream";
  /** Within so many seconds a body has arrived; null where none is read, and for a stream, whose connection is closed once it is idle. */
  bodySeconds: number | null;
  /** Requests under way at once in a process; null: as many as come, for they cost next to nothing. */
  atOnce: number | null;
  /** Of these, so many of one caller; without a key, of those who ask for the same path. */
  perCaller: number;
  /** Requests that wait for their turn, of which one caller may have half. Those beyond are refused at once. */
  waiting: number;
  /** A request that had no turn within so many seconds is refused. */
  waitSeconds: number;
  connections: Connections;
}

const kib = 1_024;

/** Every class of routes. `defineRoute` gives each route its class, and the class says all of how its requests are let in. */
export const routeClasses = {
  probe: {
    holds: "whether the process lives and serves",
    body: 0,
    bodySeconds: null,
    atOnce: null,
    perCaller: 0,
    waiting: 0,
    waitSeconds: 0,
    connections: "lookup",
  },
  page: {
    holds: "the documentation",
    body: 0,
    bodySeconds: null,
    atOnce: 16,
    perCaller: 16,
    waiting: 128,
    waitSeconds: 2,
    connections: "none",
  },
  public: {
    holds: "what needs no key: links in messages",
    body: 16 * kib,
    bodySeconds: 10,
    atOnce: 8,
    perCaller: 4,
    waiting: 256,
    waitSeconds: 2,
    connections: "public",
  },
  recipient: {
    holds: "what recipients do for themselves",
    body: 16 * kib,
    bodySeconds: 10,
    atOnce: 8,
    perCaller: 2,
    waiting: 64,
    waitSeconds: 2,
    connections: "shared",
  },
  accept: {
    holds: "accepting notifications",
    body: "configured",
    bodySeconds: 30,
    atOnce: 128,
    perCaller: 128,
    waiting: 2_048,
    waitSeconds: 10,
    connections: "accept",
  },
  read: {
    holds: "lists, one of something, and what would become of a message",
    body: "configured",
    bodySeconds: 30,
    atOnce: 12,
    perCaller: 8,
    waiting: 256,
    waitSeconds: 3,
    connections: "shared",
  },
  heavy: {
    holds: "reads that may look at every row",
    body: "configured",
    bodySeconds: 30,
    atOnce: 2,
    perCaller: 1,
    waiting: 32,
    waitSeconds: 15,
    connections: "shared",
  },
  render: {
    holds: "previews, which render templates",
    body: "configured",
    bodySeconds: 30,
    atOnce: 4,
    perCaller: 2,
    waiting: 64,
    waitSeconds: 15,
    connections: "shared",
  },
  change: {
    holds: "changes",
    body: "configured",
    bodySeconds: 30,
    atOnce: 16,
    perCaller: 12,
    waiting: 512,
    waitSeconds: 30,
    connections: "shared",
  },
  import: {
    holds: "streams of lines",
    body: "stream",
    bodySeconds: null,
    atOnce: 8,
    perCaller: 4,
    waiting: 0,
    waitSeconds: 0,
    connections: "shared",
  },
  operations: {
    holds: "metrics, health, queues, providers and gates",
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

/** Bytes of a body that a class takes; null for a stream. */
export function bodyLimitOf(name: RouteClassName, configured: number): number | null {
  const { body } = routeClasses[name];
  if (body === "stream") return null;
  return body === "configured" ? configured : Math.min(body, configured);
}

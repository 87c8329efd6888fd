import { connect, createServer, type Server, type Socket } from "node:net";
import { pino } from "pino";
import { afterEach, expect, it } from "vitest";
import {
  createQueueListener,
  type QueueListener,
  notifyListener,
} from "../../ledger/queue-listener.ts";
import { breakListeners } from "../support/listeners.ts";
import { useLedgerDatabase } from "../support/ledger-database.ts";

const database = useLedgerDatabase({ keepRows: true });
const listeners: QueueListener[] = [];
afterEach(async () => {
  await Promise.all(listeners.splice(0).map((listener) => listener.close()));
});

function startListener(url = database.url) {
  const listener = createQueueListener({ url, logger: pino({ level: "silent" }) });
  listeners.push(listener);
  return listener;
}
/** Records the queues of its notifications. */
function earOf(listener: QueueListener) {
  const told: string[] = [];
  const listen = (queue: string) => listener.listen(queue, () => void told.push(queue));
  return { told, listen };
}
const tell = (queue: string) => notifyListener(database.pool, queue);

it("notifies the listener of a queue, and returns whether there is one", async () => {
  const { told, listen } = earOf(startListener());
  expect(await tell("mailbox/1")).toBe(false);
  const listening = await listen("mailbox/1");
  expect(listening?.isConnected).toBe(true);
  expect(await Promise.all(["critical/1", "mailbox/2", "mailbox/1"].map(tell))).toEqual([
    false,
    false,
    true,
  ]);
  await expect.poll(() => told).toEqual(["mailbox/1"]);
  await listening!.end();
  expect(await tell("mailbox/1")).toBe(false);
  expect(told).toEqual(["mailbox/1"]);
});

it("notifying processes do not take each other for listeners", async () => {
  const answers = await Promise.all(Array.from({ length: 200 }, () => tell("mailbox/3")));
  expect(answers).not.toContain(true);
});

it("has one listener to a queue, over all workers, and none to a campaign's lane or a digest", async () => {
  const [one, other] = [startListener(), startListener()];
  const first = await one.listen("mailbox/4", () => {});
  expect(await one.listen("mailbox/4", () => {})).toBeNull();
  expect(await other.listen("mailbox/4", () => {})).toBeNull();
  await first!.end();
  expect(await other.listen("mailbox/4", () => {})).not.toBeNull();
  for (const queue of ["campaign/cmp_1/lane/0", "digest/lane/0"]) {
    expect(await one.listen(queue, () => {})).toBeNull();
    expect(await tell(queue)).toBe(false);
  }
});

it("calls once more when its connection breaks, and listens over a new one", async () => {
  const { told, listen } = earOf(startListener());
  const listening = await listen("critical/5");
  await breakListeners((sql) => database.pool.query(sql));
  await expect.poll(() => told).toEqual(["critical/5"]);
  expect(listening!.isConnected).toBe(false);
  await expect.poll(() => tell("critical/5")).toBe(false);
  await listening!.end();
  const next = await listen("critical/5");
  expect(next?.isConnected).toBe(true);
  expect(await tell("critical/5")).toBe(true);
});

it("does not listen where it cannot connect", async () => {
  const listener = startListener("postgresql://nobody@127.0.0.1:1/none");
  expect(await listener.listen("mailbox/6", () => {})).toBeNull();
  // It is not tried again at once.
  expect(await listener.listen("mailbox/6", () => {})).toBeNull();
});

/** A proxy that drops what the server says of notifications, as one does that shares connections between transactions. */
async function startDeafProxy(): Promise<{ url: string; server: Server }> {
  const target = new URL(database.url);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
    }
    client.pipe(upstream);
    upstream.on("data", (chunk) => client.write(withoutNotifications(chunk)));
    upstream.on("close", () => client.destroy());
    client.on("close", () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.on("close", () => sockets.forEach((socket) => socket.destroy()));
  const url = new URL(database.url);
  url.port = String((server.address() as { port: number }).port);
  return { url: url.href, server };
}

/** Messages of PostgreSQL's protocol are a letter and a length; `A` is a notification. The answers here come in whole ones. */
function withoutNotifications(chunk: Buffer): Buffer {
  const kept: Buffer[] = [];
  for (let at = 0; at < chunk.length;) {
    const end = at + 1 + chunk.readInt32BE(at + 1);
    if (chunk[at] !== "A".charCodeAt(0)) kept.push(chunk.subarray(at, end));
    at = end;
  }
  return Buffer.concat(kept);
}

it(
  "does not listen over a connection that delivers no notifications",
  { timeout: 30_000 },
  async () => {
    const { url, server } = await startDeafProxy();
    try {
      expect(await startListener(url).listen("mailbox/7", () => {})).toBeNull();
      expect(await tell("mailbox/7")).toBe(false);
    } finally {
      server.close();
    }
  },
);

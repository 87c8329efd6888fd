import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { packageRoot } from "../../config/package-root.ts";

/** An item as the API sends it. */
export interface ScriptedItem {
  id: string;
  type: string;
  category: string | null;
  title: string;
  body: string | null;
  url: string | null;
  actions: { action: "view" | "snooze" | "complete" | null; label: string; url: string }[];
  priority: string;
  createdAt: string;
  seenAt: string | null;
  readAt: string | null;
  archivedAt: string | null;
  expiresAt: string | null;
}

/** Makes an unread item. A greater number is a newer item, unless `createdAt` says otherwise. */
export const scriptedItem = (
  number: number,
  given: Partial<ScriptedItem> = {},
): ScriptedItem & { id: string } => ({
  id: `inb_${String(number).padStart(26, "0")}`,
  type: "task.assigned",
  category: null,
  title: `Task ${number}`,
  body: `Somebody has assigned task ${number} to you.`,
  url: `/tasks/${number}`,
  actions: [],
  priority: "normal",
  createdAt: new Date(Date.UTC(2027, 0, 1) + number * 60_000).toISOString(),
  seenAt: null,
  readAt: null,
  archivedAt: null,
  expiresAt: null,
  ...given,
});

/** Whether an item arrived after another one. */
const isNewer = (one: ScriptedItem, other: ScriptedItem): boolean =>
  one.createdAt === other.createdAt ? one.id > other.id : one.createdAt > other.createdAt;

/**
 * The routes of the inbox over items in memory, for faults that the API does not have on demand: refused changes, streams that break off,
 * tokens that expire. `answer` may take a request before the routes do.
 */
export async function startScriptedInbox() {
  let items: ScriptedItem[] = [];
  const requests: { method: string; path: string; headers: IncomingMessage["headers"] }[] = [];
  const streams = new Set<ServerResponse>();
  const tokens = new Set<string>();
  const scripted = {
    answer: null as ((request: IncomingMessage, response: ServerResponse) => boolean) | null,
  };

  const counts = () => {
    const open = items.filter(({ archivedAt }) => archivedAt === null);
    return {
      unseen: Math.min(100, open.filter(({ seenAt }) => seenAt === null).length),
      unread: Math.min(100, open.filter(({ readAt }) => readAt === null).length),
    };
  };
  const newestFirst = () => [...items].sort((one, other) => (isNewer(one, other) ? -1 : 1));
  const find = (id: string) => items.find((item) => item.id === id);
  const write = (stream: ServerResponse, event: string, data: unknown, id?: string) =>
    stream.write(
      `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`,
    );
  const tell = (event: string, data: unknown, id?: string) => {
    for (const stream of streams) write(stream, event, data, id);
  };

  function openStream(request: IncomingMessage, response: ServerResponse): void {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    write(response, "counts", counts());
    const known = request.headers["last-event-id"];
    const last = find(String(known));
    if (known !== undefined && !last) write(response, "reset", {});
    for (const item of last ? newestFirst().reverse() : [])
      if (isNewer(item, last!)) write(response, "item", item, item.id);
    streams.add(response);
    response.on("close", () => streams.delete(response));
  }

  function list(url: URL) {
    const view = url.searchParams.get("state") ?? "all";
    const category = url.searchParams.get("category");
    const cursor = url.searchParams.get("cursor");
    const after = cursor === null ? undefined : find(cursor);
    const limit = Number(url.searchParams.get("limit") ?? 20);
    const matching = newestFirst().filter(
      (item) =>
        (view === "archived") === (item.archivedAt !== null) &&
        (view !== "unread" || item.readAt === null) &&
        (category === null || item.category === category) &&
        (cursor === null || (after !== undefined && isNewer(after, item))),
    );
    const page = matching.slice(0, limit);
    const nextCursor = matching.length > limit ? page.at(-1)!.id : null;
    return { items: page, nextCursor, counts: counts() };
  }

  function change(id: string, body: { seen?: true; read?: boolean; archived?: boolean }) {
    const now = new Date().toISOString();
    const item = find(id);
    if (!item) return null;
    if (body.seen || body.read) item.seenAt ??= now;
    if (body.read !== undefined) item.readAt = body.read ? (item.readAt ?? now) : null;
    if (body.archived !== undefined)
      item.archivedAt = body.archived ? (item.archivedAt ?? now) : null;
    const { seenAt, readAt, archivedAt } = item;
    tell("changed", { id, seenAt, readAt, archivedAt });
    tell("counts", counts());
    return item;
  }

  function changeAll(field: "seenAt" | "readAt", upTo: string) {
    const now = new Date().toISOString();
    const last = find(upTo);
    let changed = 0;
    for (const item of last ? items : []) {
      if (isNewer(item, last!) || item.archivedAt !== null || item[field] !== null) continue;
      item.seenAt ??= now;
      item[field] = now;
      changed += 1;
    }
    if (last) {
      const upToCreatedAt = last.createdAt;
      tell(field === "readAt" ? "read-all" : "seen-all", { upTo, upToCreatedAt, [field]: now });
    }
    tell("counts", counts());
    return { changed, counts: counts() };
  }

  const server = createServer((request, response) => {
    const { method = "", headers } = request;
    const url = new URL(request.url ?? "/", "http://inbox");
    requests.push({ method, path: `${url.pathname}${url.search}`, headers });
    for (const [name, value] of Object.entries({
      "access-control-allow-origin": headers.origin ?? "",
      "access-control-allow-methods": "GET, POST, PATCH",
      "access-control-allow-headers": "authorization, content-type, last-event-id",
    }))
      response.setHeader(name, value);
    const send = (status: number, body?: unknown) =>
      response
        .writeHead(status, { "content-type": "application/json" })
        .end(body === undefined ? "" : JSON.stringify(body));
    if (method === "OPTIONS") return void send(204);
    if (scripted.answer?.(request, response)) return;
    if (url.pathname.startsWith("/inbox/"))
      return void response
        .writeHead(200, { "content-type": "text/javascript" })
        .end(readFileSync(join(packageRoot, "dist", url.pathname)));
    const token = headers.authorization?.replace("Bearer ", "") ?? "";
    if (url.pathname.startsWith("/a/")) return void send(200, { action: "complete" });
    if (!tokens.has(token)) return void send(401, { title: "unauthorized" });
    void text(request).then((raw) => {
      const body = raw === "" ? {} : JSON.parse(raw);
      const path = url.pathname.replace("/v1/me/inbox", "");
      if (path === "/stream") return openStream(request, response);
      if (path === "") return send(200, list(url));
      if (path === "/counts") return send(200, counts());
      if (path === "/read-all") return send(200, changeAll("readAt", body.upTo));
      if (path === "/seen-all") return send(200, changeAll("seenAt", body.upTo));
      const item = change(path.slice(1), body);
      return item ? send(200, item) : send(404, { title: "not found" });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    streams,
    tokens,
    scripted,
    tell,
    change,
    counts,
    /** Replaces all items, without telling anybody. */
    setItems: (next: ScriptedItem[]) => void (items = next),
    items: newestFirst,
    /** Adds an item and tells the streams. */
    add: (item: ScriptedItem) => {
      items.push(item);
      tell("item", item, item.id);
      tell("counts", counts());
    },
    /** Breaks all streams off, as a proxy does that restarts. */
    breakStreams: () => {
      for (const stream of streams) stream.destroy();
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

export type ScriptedInbox = Awaited<ReturnType<typeof startScriptedInbox>>;

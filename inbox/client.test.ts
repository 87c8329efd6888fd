import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { patience } from "../test/support/patience.ts";
import {
  type ScriptedInbox,
  scriptedItem,
  startScriptedInbox,
} from "../test/support/scripted-inbox.ts";
import { createInbox, type Inbox, type InboxError } from "./client.ts";

let server: ScriptedInbox;
let inbox: Inbox | undefined;
beforeEach(async () => {
  server = await startScriptedInbox();
  server.tokens.add("first");
});
afterEach(async () => {
  inbox?.close();
  inbox = undefined;
  await server.close();
});

function open(given: Partial<Parameters<typeof createInbox>[0]> = {}): Inbox {
  return (inbox = createInbox({ url: server.url, getToken: () => "first", ...given }));
}
const until = (condition: () => void) => vi.waitFor(condition, patience);
const isLive = (opened: Inbox) =>
  until(() => expect([opened.state.connection, opened.state.list]).toEqual(["live", "ready"]));
const titles = (opened: Inbox) => opened.items.map(({ title }) => title);
const idOf = (number: number) => scriptedItem(number).id;
/** Answers the changes with 500 until the function that it returns is called. */
function refuseChanges() {
  server.scripted.answer = ({ method }, response) => {
    if (method !== "PATCH" && method !== "POST") return false;
    response.writeHead(500).end();
    return true;
  };
  return () => (server.scripted.answer = null);
}

describe("an inbox", () => {
  it("loads its newest items, and older ones when asked, until there are none", async () => {
    server.setItems([1, 2, 3, 4, 5].map((number) => scriptedItem(number)));
    const opened = open({ pageSize: 2 });
    expect(opened.state.list).toBe("loading");
    await isLive(opened);
    expect([titles(opened), opened.state.hasMore]).toEqual([["Task 5", "Task 4"], true]);
    expect(opened.counts).toEqual({ unseen: 5, unread: 5 });
    await Promise.all([opened.loadMore(), opened.loadMore()]);
    expect(titles(opened)).toEqual(["Task 5", "Task 4", "Task 3", "Task 2"]);
    await opened.loadMore();
    await opened.loadMore();
    expect([titles(opened).length, opened.state.hasMore]).toEqual([5, false]);
    const lists = server.requests.filter(({ path }) => path.includes("state="));
    expect(lists.map(({ path }) => path.includes("cursor="))).toEqual([false, true, true]);
  });

  it("shows items that arrive, counts them once, and names them to its listeners", async () => {
    server.setItems([scriptedItem(1)]);
    const opened = open();
    await isLive(opened);
    const arrived: string[] = [];
    opened.subscribe((change) => arrived.push(...change.arrived.map(({ title }) => title)));
    server.add(scriptedItem(2));
    server.add(scriptedItem(3));
    await until(() => expect(titles(opened)).toEqual(["Task 3", "Task 2", "Task 1"]));
    expect(opened.counts).toEqual({ unseen: 3, unread: 3 });
    expect(arrived).toEqual(["Task 2", "Task 3"]);
  });

  it("keeps the same objects while nothing changes", async () => {
    server.setItems([scriptedItem(1)]);
    const opened = open();
    await isLive(opened);
    const { counts, items } = opened;
    const [first] = items;
    server.tell("heartbeat", server.counts());
    server.add(scriptedItem(2));
    await until(() => expect(opened.items).toHaveLength(2));
    expect(opened.items[1]).toBe(first);
    expect(items).toHaveLength(1);
    expect(opened.counts).not.toBe(counts);
  });

  it("drops what is not an item, and goes on", async () => {
    const opened = open();
    await isLive(opened);
    for (const stream of server.streams) stream.write("event: item\ndata: {broken\n\n");
    for (const value of [null, 1, "x", {}, { id: 1 }, { id: "inb_1", title: 5 }])
      server.tell("item", value);
    server.add(scriptedItem(1));
    await until(() => expect(titles(opened)).toEqual(["Task 1"]));
  });

  it("shows only its category, and counts all", async () => {
    server.setItems([scriptedItem(1, { category: "billing" }), scriptedItem(2)]);
    const opened = open({ category: "billing" });
    await isLive(opened);
    server.add(scriptedItem(3));
    server.add(scriptedItem(4, { category: "billing" }));
    await until(() => expect(titles(opened)).toEqual(["Task 4", "Task 1"]));
    expect(opened.counts?.unread).toBe(4);
  });
});

describe("an item that was held, so that its id is older than its arrival", () => {
  const late = (number: number) =>
    scriptedItem(number, { createdAt: scriptedItem(100 + number).createdAt });

  it("is shown on top when it arrives and when it is loaded, and older pages follow below", async () => {
    server.setItems([2, 3, 4].map((number) => scriptedItem(number)));
    const opened = open({ pageSize: 2 });
    await isLive(opened);
    server.add(late(1));
    await until(() => expect(titles(opened)).toEqual(["Task 1", "Task 4", "Task 3"]));
    await opened.reload();
    expect(titles(opened)).toEqual(["Task 1", "Task 4", "Task 3"]);
    await opened.loadMore();
    expect(titles(opened)).toEqual(["Task 1", "Task 4", "Task 3", "Task 2"]);
  });

  it("comes after the connection broke off, and is where the stream goes on from", async () => {
    server.setItems([scriptedItem(2)]);
    const opened = open();
    await isLive(opened);
    const known = async () => {
      server.breakStreams();
      await until(() => expect(server.streams.size).toBe(0));
      await isLive(opened);
      await until(() => expect(server.streams.size).toBe(1));
      return server.requests.findLast(({ path }) => path.endsWith("/stream"))!.headers[
        "last-event-id"
      ];
    };
    server.setItems([...server.items(), late(1)]);
    expect(await known()).toBe(idOf(2));
    await until(() => expect(titles(opened)).toEqual(["Task 1", "Task 2"]));
    expect(await known()).toBe(idOf(1));
  });

  it("stays unread when all up to an earlier one were read elsewhere", async () => {
    server.setItems([scriptedItem(2), scriptedItem(3)]);
    const opened = open();
    await isLive(opened);
    server.add(late(1));
    await until(() => expect(opened.items).toHaveLength(3));
    const { createdAt: upToCreatedAt } = scriptedItem(3);
    server.tell("read-all", { upTo: idOf(3), upToCreatedAt, readAt: upToCreatedAt });
    await until(() => expect(opened.counts?.unread).toBe(1));
    expect(opened.items.map(({ readAt }) => readAt === null)).toEqual([true, false, false]);
  });

  it("is read with all others when it is the newest", async () => {
    server.setItems([scriptedItem(2), late(1)]);
    const opened = open();
    await isLive(opened);
    await opened.readAll();
    expect(server.items().every(({ readAt }) => readAt !== null)).toBe(true);
  });
});

describe("a change", () => {
  it("is shown before the API has answered, and agrees with it afterwards", async () => {
    server.setItems([scriptedItem(1), scriptedItem(2)]);
    const opened = open();
    await isLive(opened);
    const reading = opened.markRead(idOf(2));
    expect([opened.items[0]!.readAt, opened.counts]).toEqual([
      expect.any(String),
      { unseen: 1, unread: 1 },
    ]);
    await reading;
    expect(opened.items[0]!.readAt).toBe(server.items()[0]!.readAt);
    await until(() => expect(opened.counts).toEqual(server.counts()));
    await opened.markUnread(idOf(2));
    expect(opened.items[0]).toMatchObject({ readAt: null, seenAt: expect.any(String) });
    await until(() => expect(opened.counts).toEqual({ unseen: 1, unread: 2 }));
    await opened.archive(idOf(1));
    expect(titles(opened)).toEqual(["Task 2"]);
    await until(() => expect(opened.counts).toEqual(server.counts()));
    await opened.show("archived");
    expect(titles(opened)).toEqual(["Task 1"]);
    await opened.unarchive(idOf(1));
    expect(titles(opened)).toEqual([]);
    await opened.show("all");
    expect(titles(opened)).toEqual(["Task 2", "Task 1"]);
    expect(opened.counts).toEqual(server.counts());
  });

  it("is taken back if the API refuses it", async () => {
    server.setItems([scriptedItem(1), scriptedItem(2)]);
    const opened = open();
    await isLive(opened);
    const before = structuredClone([opened.items, opened.counts]);
    const accept = refuseChanges();
    for (const change of [
      () => opened.markRead(idOf(1)),
      () => opened.archive(idOf(2)),
      () => opened.readAll(),
      () => opened.markSeen(),
    ]) {
      await expect(change()).rejects.toMatchObject({ name: "InboxError", status: 500 });
      expect([opened.items, opened.counts]).toEqual(before);
    }
    accept();
    await opened.markRead(idOf(1));
    expect(opened.counts?.unread).toBe(1);
  });

  it("of an item that is gone removes it", async () => {
    server.setItems([scriptedItem(1), scriptedItem(2)]);
    const opened = open();
    await isLive(opened);
    server.setItems([scriptedItem(1)]);
    await expect(opened.markRead(idOf(2))).rejects.toMatchObject({ status: 404 });
    expect(titles(opened)).toEqual(["Task 1"]);
  });

  it("reaches the API after the earlier changes of its item", async () => {
    server.setItems([scriptedItem(1)]);
    const opened = open();
    await isLive(opened);
    const held: (() => void)[] = [];
    server.scripted.answer = ({ method }, response) => {
      if (method !== "PATCH" || held.length > 0) return false;
      held.push(() => response.writeHead(500).end());
      return true;
    };
    const first = opened.markRead(idOf(1));
    const second = opened.archive(idOf(1));
    await until(() => expect(held).toHaveLength(1));
    expect(server.requests.filter(({ method }) => method === "PATCH")).toHaveLength(1);
    expect(opened.items).toEqual([]);
    held[0]!();
    await expect(first).rejects.toThrow("500");
    await second;
    expect(server.items()[0]).toMatchObject({ readAt: null, archivedAt: expect.any(String) });
  });

  it("is not undone by an answer that is older", async () => {
    server.setItems([scriptedItem(1), scriptedItem(2)]);
    const opened = open();
    await isLive(opened);
    const held: (() => void)[] = [];
    server.scripted.answer = ({ url }, response) => {
      if (!url?.includes("state=all") || held.length > 0) return false;
      const answer = { items: structuredClone(server.items()), nextCursor: null };
      const text = JSON.stringify({ ...answer, counts: server.counts() });
      held.push(() => response.writeHead(200).end(text));
      return true;
    };
    const reloading = opened.reload();
    await until(() => expect(held).toHaveLength(1));
    await opened.markRead(idOf(2));
    server.add(scriptedItem(3));
    await until(() => expect(opened.items).toHaveLength(3));
    held[0]!();
    await reloading;
    expect(opened.items.map(({ title, readAt }) => [title, readAt !== null])).toEqual([
      ["Task 3", false],
      ["Task 2", true],
      ["Task 1", false],
    ]);
    await until(() => expect(opened.counts).toEqual(server.counts()));
  });

  it("of all is bounded by the newest item that is known", async () => {
    server.setItems([scriptedItem(1), scriptedItem(2)]);
    const opened = open();
    await isLive(opened);
    server.setItems([...server.items(), scriptedItem(3)]);
    await opened.readAll();
    expect(opened.items.every(({ readAt }) => readAt !== null)).toBe(true);
    expect(opened.counts).toEqual({ unseen: 1, unread: 1 });
  });

  it("that was made elsewhere is shown, and leaves the unread view only when it is shown again", async () => {
    server.setItems([scriptedItem(1), scriptedItem(2)]);
    const opened = open();
    await isLive(opened);
    await opened.show("unread");
    server.change(idOf(2), { read: true });
    await until(() => expect(opened.items[0]?.readAt).toEqual(expect.any(String)));
    expect([titles(opened), opened.counts?.unread]).toEqual([["Task 2", "Task 1"], 1]);
    await opened.show("unread");
    expect(titles(opened)).toEqual(["Task 1"]);
    const { createdAt } = scriptedItem(9);
    const readAt = "2027-01-01T00:00:00.000Z";
    server.tell("read-all", { upTo: idOf(9), upToCreatedAt: createdAt, readAt });
    await until(() => expect(opened.counts?.unread).toBe(0));
  });

  it("of a count that is at its limit does not guess", async () => {
    server.setItems(Array.from({ length: 120 }, (_, index) => scriptedItem(index)));
    const opened = open();
    await isLive(opened);
    await opened.markRead(idOf(119));
    expect(opened.counts?.unread).toBe(100);
  });
});

describe("an action", () => {
  it("is performed if it is one, followed if it is a link, and reads the item", async () => {
    server.setItems([scriptedItem(1)]);
    const opened = open();
    await isLive(opened);
    const action = { action: "complete" as const, label: "Done", url: "/a/token" };
    expect(await opened.act(idOf(1), action)).toBe("done");
    const sent = server.requests.find(({ path }) => path === "/a/token")!;
    expect([sent.method, sent.headers.authorization]).toEqual(["POST", undefined]);
    expect(server.items()[0]!.readAt).toEqual(expect.any(String));
    expect(await opened.act(idOf(1), { ...action, action: "view" })).toBe("follow");
    server.scripted.answer = (request, response) => {
      if (!request.url?.startsWith("/a/")) return false;
      response.writeHead(409).end();
      return true;
    };
    await expect(opened.act(idOf(1), action)).rejects.toMatchObject({ status: 409 });
    expect(await opened.act(idOf(1), { ...action, url: "http://127.0.0.1:1/a/x" })).toBe("follow");
  });
});

describe("the connection", () => {
  it("goes on where it was after it broke off", async () => {
    server.setItems([scriptedItem(1)]);
    const opened = open();
    await isLive(opened);
    const seen: string[] = [];
    opened.subscribe(() => seen.push(opened.state.connection));
    server.setItems([...server.items(), scriptedItem(2)]);
    server.breakStreams();
    await until(() => expect(titles(opened)).toEqual(["Task 2", "Task 1"]));
    await isLive(opened);
    expect(seen).toContain("interrupted");
    expect(opened.counts).toEqual({ unseen: 2, unread: 2 });
    const streams = server.requests.filter(({ path }) => path.endsWith("/stream"));
    expect(streams.at(-1)!.headers["last-event-id"]).toBe(idOf(1));
  });

  it("loads the list again if a heartbeat shows that an event was lost", async () => {
    const opened = open();
    await isLive(opened);
    server.setItems([scriptedItem(1)]);
    server.tell("heartbeat", server.counts());
    await until(() => expect(titles(opened)).toEqual(["Task 1"]));
    const lists = () => server.requests.filter(({ path }) => path.includes("state=")).length;
    const before = lists();
    server.tell("heartbeat", server.counts());
    server.add(scriptedItem(2));
    await until(() => expect(opened.items).toHaveLength(2));
    expect(lists()).toBe(before);
  });

  it("loads the list again upon a reset", async () => {
    const opened = open();
    await isLive(opened);
    server.setItems([scriptedItem(1)]);
    server.tell("reset", {});
    await until(() => expect(titles(opened)).toEqual(["Task 1"]));
  });

  it("asks for another token when one has expired, once for all requests", async () => {
    server.setItems([scriptedItem(1)]);
    let issued = 0;
    const opened = open({ getToken: async () => ["first", "second"][issued++] ?? "none" });
    await isLive(opened);
    expect(issued).toBe(1);
    server.tokens.delete("first");
    server.tokens.add("second");
    await Promise.all([opened.markRead(idOf(1)), opened.reload(), opened.markSeen()]);
    server.breakStreams();
    await until(() => expect(server.streams.size).toBe(0));
    await isLive(opened);
    await until(() => expect(server.streams.size).toBe(1));
    expect(issued).toBe(2);
  });

  it("says that it is not authorised, and that the list failed, and recovers from both", async () => {
    const opened = open({ getToken: () => "second" });
    await until(() =>
      expect([opened.state.connection, opened.state.list]).toEqual(["unauthorized", "failed"]),
    );
    server.setItems([scriptedItem(1)]);
    server.tokens.add("second");
    await isLive(opened);
    expect(titles(opened)).toEqual(["Task 1"]);
  });

  it("survives an application that issues no token, and a server that is not there", async () => {
    let fails = true;
    const opened = open({
      getToken: () => {
        if (fails) throw new Error("not signed in");
        return "first";
      },
    });
    await until(() =>
      expect([opened.state.connection, opened.state.list]).toEqual(["interrupted", "failed"]),
    );
    const error = (await opened.reload().catch((one: unknown) => one)) as InboxError;
    expect([error.status, error.message]).toEqual([0, expect.stringContaining("not signed in")]);
    fails = false;
    await isLive(opened);
  });

  it("ends with the inbox, and tells nobody any more", async () => {
    const opened = open();
    await isLive(opened);
    opened.close();
    await until(() => expect(server.streams.size).toBe(0));
    await until(() => expect(opened.state.connection).toBe("closed"));
    await expect(opened.reload()).rejects.toMatchObject({ status: 0 });
  });
});

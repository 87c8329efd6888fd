import type { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { createOutboundClient } from "../../lib/outbound/client.ts";
import { subnets } from "../support/outbound.ts";
import { answer, loopbackClient, post, serve } from "./servers.ts";

const urlOf = ({ port }: { port: number }) => `http://127.0.0.1:${port}/`;

describe("connections", () => {
  it("are kept and used again, one request at a time", async () => {
    const server = await serve((socket) => socket.write(answer("200 OK", "taken")));
    const client = loopbackClient(server.port);
    for (let i = 0; i < 20; i += 1)
      expect(await client.send(post(urlOf(server)))).toMatchObject({ text: "taken" });
    expect(server.connections).toBe(1);
  });

  it("to one origin are bounded; further requests wait and are answered in their order", async () => {
    const waiting: Socket[] = [];
    const server = await serve((socket) => waiting.push(socket));
    const client = loopbackClient(server.port, { connections: 2 });
    const order: number[] = [];
    const sent = Array.from({ length: 5 }, async (_, index) => {
      const outcome = await client.send(post(urlOf(server)));
      order.push(index);
      return outcome.kind;
    });
    for (let answered = 0; answered < 5; answered += 1) {
      await expect.poll(() => waiting.length).toBeGreaterThan(0);
      waiting.shift()!.write(answer("204 No Content"));
      await expect.poll(() => order.length).toBe(answered + 1);
    }
    expect(await Promise.all(sent)).toEqual(Array(5).fill("answered"));
    expect(server.connections).toBe(2);
    expect(order.slice(2)).toEqual([2, 3, 4]);
  });

  it("of a request that waits for one and is stopped are not opened: nothing was sent", async () => {
    const held: Socket[] = [];
    const server = await serve((socket) => held.push(socket));
    const client = loopbackClient(server.port, { connections: 1 });
    const first = client.send(post(urlOf(server), { body: "first" }));
    await expect.poll(() => held.length).toBe(1);
    const stop = new AbortController();
    const stopped = client.send(post(urlOf(server), { signal: stop.signal, body: "second" }));
    const late = client.send(post(urlOf(server), { deadlineMs: 50, body: "third" }));
    expect(await late).toMatchObject({ kind: "not_sent", reason: "deadline" });
    stop.abort();
    expect(await stopped).toMatchObject({ kind: "not_sent", reason: "aborted" });
    held[0]!.write(answer("200 OK"));
    expect((await first).kind).toBe("answered");
    expect(server.connections).toBe(1);
    expect(server.received).not.toMatch(/second|third/);
  });

  it("end when nothing uses them", async () => {
    let ended = 0;
    const server = await serve((socket) => {
      socket.once("end", () => (ended += 1));
      socket.write(answer("200 OK"));
    });
    const client = loopbackClient(server.port, { idleMs: 50 });
    await client.send(post(urlOf(server)));
    await expect.poll(() => ended).toBe(1);
    expect(await client.send(post(urlOf(server)))).toMatchObject({ status: 200 });
    expect(server.connections).toBe(2);
  });

  it("that are old take no further request, so that the name is resolved again", async () => {
    const server = await serve((socket) => socket.write(answer("200 OK")));
    let resolved = 0;
    const client = loopbackClient(server.port, {
      connectionAgeMs: 0,
      resolve: async () => {
        resolved += 1;
        return ["127.0.0.1"];
      },
    });
    for (let i = 0; i < 3; i += 1)
      await client.send(post(`http://hooks.example.test:${server.port}/`));
    expect([resolved, server.connections]).toEqual([3, 3]);
  });

  it("are kept for a bounded number of origins, of which the one that was unused longest gives way", async () => {
    const held: Socket[] = [];
    const server = await serve((socket, head) => {
      if (head.includes("/held")) held.push(socket);
      else socket.write(answer("200 OK"));
    });
    const client = loopbackClient(server.port, {
      origins: 2,
      resolve: async () => ["127.0.0.1"],
    });
    const send = (name: string, path = "/") =>
      client.send(post(`http://${name}.example.test:${server.port}${path}`));
    for (const name of ["a", "b", "a", "c", "a"]) await send(name);
    expect(server.connections).toBe(3);
    await send("b");
    expect(server.connections).toBe(4);
    const both = [send("a", "/held"), send("b", "/held")];
    await expect.poll(() => held.length).toBe(2);
    expect(await send("c")).toMatchObject({ kind: "not_sent", reason: "busy" });
    for (const socket of held) socket.write(answer("200 OK"));
    await Promise.all(both);
    expect(await send("c")).toMatchObject({ kind: "answered" });
  });

  it("try the addresses of a host one after the other", async () => {
    const server = await serve((socket) => socket.write(answer("200 OK")));
    const client = createOutboundClient({
      rules: { privateSubnets: subnets("127.0.0.0/8"), ports: [server.port], plain: false },
      resolve: async () => ["127.0.0.3", "127.0.0.2", "127.0.0.1"],
    });
    const url = `http://hooks.example.test:${server.port}/`;
    expect(await client.send(post(url))).toMatchObject({ kind: "answered" });
    await client.close();
  });

  it("are ended by close, which waits for what was begun; later requests are not sent", async () => {
    const held: Socket[] = [];
    const server = await serve((socket) => held.push(socket));
    const client = loopbackClient(server.port);
    const sent = client.send(post(urlOf(server)));
    await expect.poll(() => held.length).toBe(1);
    const closed = client.close();
    expect(await client.send(post(urlOf(server)))).toMatchObject({
      kind: "not_sent",
      reason: "closed",
    });
    held[0]!.write(answer("200 OK"));
    expect(await sent).toMatchObject({ kind: "answered", complete: true });
    await closed;
    await expect.poll(() => held[0]!.destroyed || held[0]!.readableEnded).toBe(true);
    expect(server.connections).toBe(1);
  });
});

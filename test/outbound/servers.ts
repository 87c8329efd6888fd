import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { onTestFinished } from "vitest";
import { createOutboundClient } from "../../lib/outbound/client.ts";
import type { OutboundRequest } from "../../lib/outbound/exchange.ts";
import { subnets } from "../support/outbound.ts";
import { waitMs } from "../support/patience.ts";

export interface ScriptedServer {
  port: number;
  /** Connections that the operating system handed to the server. */
  connections: number;
  /** Those of them that have ended on both sides. */
  ended: number;
  /** All that was received over all connections. */
  received: string;
}

type Script = (socket: Socket, head: string) => void;

/** Answers each request, once its headers are there, as the script says. */
export async function serve(
  script: Script,
  {
    host = "127.0.0.1",
    tls,
    greet,
  }: {
    host?: string;
    tls?: { cert: string; key: string };
    /** Called for each connection before anything is received. */
    greet?: (socket: Socket) => void;
  } = {},
): Promise<ScriptedServer> {
  const state: ScriptedServer = { port: 0, connections: 0, ended: 0, received: "" };
  const sockets = new Set<Socket>();
  const converse = (socket: Socket | TLSSocket) => {
    let head = "";
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      state.received += chunk.toString();
      head += chunk.toString();
      if (!head.includes("\r\n\r\n")) return;
      const complete = head;
      head = "";
      script(socket, complete);
    });
  };
  const server: Server = tls ? createTlsServer(tls, converse) : createServer(converse);
  server.on("connection", (socket: Socket) => {
    state.connections += 1;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => {
      sockets.delete(socket);
      state.ended += 1;
    });
    greet?.(socket);
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve, reject) =>
    server.once("error", reject).listen(0, host, resolve),
  );
  state.port = (server.address() as AddressInfo).port;
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return state;
}

/** An answer in full, with its length. */
export const answer = (status: string, body = "", headers: readonly string[] = []): string =>
  [`HTTP/1.1 ${status}`, `content-length: ${Buffer.byteLength(body)}`, ...headers, "", body].join(
    "\r\n",
  );

type ClientOptions = Partial<Parameters<typeof createOutboundClient>[0]>;

/** A client that may reach 127.0.0.1 on the given port, has no deadline of its own that a test could meet, and is closed after the test. */
export function loopbackClient(port: number, options: ClientOptions = {}) {
  const client = createOutboundClient({
    rules: { privateSubnets: subnets("127.0.0.1/32"), ports: [port], plain: false },
    deadlineMs: waitMs,
    connectMs: waitMs,
    headersMs: waitMs,
    bodyMs: waitMs,
    ...options,
  });
  onTestFinished(() => client.close());
  return client;
}

export const post = (url: string, more: Partial<OutboundRequest> = {}): OutboundRequest => ({
  url,
  method: "POST",
  headers: { "content-type": "text/plain" },
  body: "hello",
  ...more,
});

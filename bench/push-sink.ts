// A push service in a separate process that accepts every message without looking into it, and counts the messages of each device.
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { certificate } from "../test/outbound/certificate.ts";

/** The questions to the sink over IPC; each gets one answer with the same number. */
export type PushSinkQuestion = { ask: "report" } | { ask: "reset" };

/** Counts since the last reset. */
export interface PushSinkReport {
  messages: number;
  /** Devices that got at least one message. */
  devices: number;
  /** Messages to a device that had got one already. */
  duplicated: number;
  cpuSeconds: number;
}

const counts = new Map<string, number>();
let cpuAtReset = process.cpuUsage();

const server = createServer({ ...certificate, keepAliveTimeout: 60_000 }, (request, response) => {
  request.resume();
  request.once("end", () => {
    counts.set(request.url!, (counts.get(request.url!) ?? 0) + 1);
    response.writeHead(201, { location: "/m/1", ttl: "86400" }).end();
  });
});

function answer({ ask }: PushSinkQuestion): PushSinkReport | null {
  if (ask === "reset") {
    counts.clear();
    cpuAtReset = process.cpuUsage();
    return null;
  }
  const messages = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const { user, system } = process.cpuUsage(cpuAtReset);
  return {
    messages,
    devices: counts.size,
    duplicated: messages - counts.size,
    cpuSeconds: (user + system) / 1e6,
  };
}

server.on("tlsClientError", () => {});
server.listen(0, "127.0.0.1", () =>
  process.send?.({ port: (server.address() as AddressInfo).port }),
);
process.on("message", ({ number, question }: { number: number; question: PushSinkQuestion }) => {
  process.send?.({ number, answer: answer(question) });
});
process.once("disconnect", () => process.exit(0));
// The launcher handles Ctrl-C, and disconnects.
process.on("SIGINT", () => {});

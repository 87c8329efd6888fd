import { Client } from "undici";
import {
  ConnectionFault,
  findAllowedAddresses,
  openConnection,
  type ConnectingOptions,
} from "./connecting.ts";
import {
  exchange,
  type ExchangeLimits,
  type OutboundRequest,
  type StopReason,
} from "./exchange.ts";
import { Origin } from "./origin.ts";
import { notSent, refused, type NotSent, type Outcome, type Refused } from "./outcome.ts";
import { createSystemResolver, type Resolve } from "./resolving.ts";
import { readTarget, type OutboundRules, type Target } from "./target.ts";

export interface OutboundLimits extends ExchangeLimits {
  /** Time for one request in milliseconds, including the wait for a free connection. */
  deadlineMs: number;
  /** Time for names, TCP and TLS together, in milliseconds. */
  connectMs: number;
  /** Bytes of an answer's headers together. */
  maxHeaderBytes: number;
  /** Connections to one origin, each of which carries one request at a time. */
  connections: number;
  /** Time in milliseconds after which a connection without a request ends, if the server names no shorter one. */
  idleMs: number;
  /** Time in milliseconds after which a connection takes no further request, so that changes of the name are seen. */
  connectionAgeMs: number;
  /** Origins whose connections are kept. The one that was unused longest gives way. */
  origins: number;
}

const defaultLimits: OutboundLimits = {
  deadlineMs: 30_000,
  connectMs: 10_000,
  headersMs: 30_000,
  bodyMs: 10_000,
  maxAnswerBytes: 65_536,
  maxHeaderBytes: 16_384,
  connections: 8,
  idleMs: 10_000,
  connectionAgeMs: 60_000,
  origins: 64,
};

/** The only way out by HTTP: everything that is requested from URLs which people or settings give goes through such a client. */
export interface OutboundClient {
  /** Never rejects. Follows no redirect, and repeats nothing. */
  send(request: OutboundRequest): Promise<Outcome>;
  /** Resolves the host and says what the rules make of the URL, without a connection. */
  examine(url: string): Promise<{ kind: "allowed" } | Refused | NotSent>;
  /** Waits for the requests in progress, each of which has a deadline, and ends all connections. Later requests are `closed`. */
  close(): Promise<void>;
}

export function createOutboundClient({
  rules,
  resolve = createSystemResolver(),
  ca,
  ...given
}: {
  rules: OutboundRules;
  resolve?: Resolve;
  /** Certificates to trust instead of those of Node.js, in PEM. */
  ca?: string;
} & Partial<OutboundLimits>): OutboundClient {
  const limits = { ...defaultLimits, ...given };
  const connecting: ConnectingOptions = {
    rules,
    resolve,
    connectMs: limits.connectMs,
    ...(ca !== undefined && { ca }),
  };
  /** In the order of their last use. */
  const origins = new Map<string, Origin>();
  const running = new Set<Promise<Outcome>>();
  let isClosed = false;

  const createOrigin = (target: Target) =>
    new Origin({
      limit: limits.connections,
      maxAgeMs: limits.connectionAgeMs,
      create: () =>
        new Client(target.origin, {
          pipelining: 1,
          keepAliveTimeout: limits.idleMs,
          keepAliveMaxTimeout: limits.idleMs,
          maxHeaderSize: limits.maxHeaderBytes,
          // The exchange has deadlines of its own, which are exact.
          headersTimeout: 0,
          bodyTimeout: 0,
          allowH2: false,
          connect: (_, callback) => {
            openConnection(target, connecting).then(
              (socket) => callback(null, socket),
              (error: Error) => callback(error, null),
            );
          },
        }),
    });

  /** Null if all origins are in use and there is no room for another. */
  function useOrigin(target: Target): Origin | null {
    const known = origins.get(target.origin);
    if (!known && origins.size >= limits.origins) {
      const unused = [...origins].find(([, { isUnused }]) => isUnused);
      if (!unused) return null;
      origins.delete(unused[0]);
      void unused[1].close();
    }
    origins.delete(target.origin);
    const origin = known ?? createOrigin(target);
    origins.set(target.origin, origin);
    return origin;
  }

  async function request(asked: OutboundRequest, stopped: AbortSignal): Promise<Outcome> {
    const target = readTarget(asked.url, rules);
    if ("kind" in target) return target;
    if (Object.keys(asked.headers).some((name) => name.toLowerCase() === "host"))
      return refused("request");
    const origin = useOrigin(target);
    if (!origin) return notSent("busy");
    const outcome = await origin.use(stopped, async (client) => {
      const result = await exchange(client, target, asked, limits, stopped);
      const keep =
        (result.kind === "answered" && result.complete) ||
        (result.kind === "not_sent" && result.reason === "withheld");
      return { result, keep };
    });
    return outcome ?? notSent(stopped.reason as StopReason);
  }

  /** Has one request stopped at its deadline or by its signal. */
  async function requestInTime(asked: OutboundRequest): Promise<Outcome> {
    const { signal } = asked;
    if (signal?.aborted) return notSent("aborted");
    const stop = new AbortController();
    const abort = () => stop.abort("aborted" satisfies StopReason);
    const timer = setTimeout(
      () => stop.abort("deadline" satisfies StopReason),
      Math.min(asked.deadlineMs ?? Infinity, limits.deadlineMs),
    );
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await request(asked, stop.signal);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  return {
    async send(asked) {
      if (isClosed) return notSent("closed");
      const outcome = requestInTime(asked);
      running.add(outcome);
      try {
        return await outcome;
      } finally {
        running.delete(outcome);
      }
    },
    async examine(url) {
      const target = readTarget(url, rules);
      if ("kind" in target) return target;
      try {
        await findAllowedAddresses(target, connecting);
        return { kind: "allowed" };
      } catch (error) {
        if (error instanceof ConnectionFault) return error.outcome;
        throw error;
      }
    },
    async close() {
      isClosed = true;
      await Promise.allSettled(running);
      await Promise.all([...origins.values()].map((origin) => origin.close()));
      origins.clear();
    },
  };
}

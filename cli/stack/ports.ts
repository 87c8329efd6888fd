import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { waitUntil } from "./wait.ts";

/** The default ports of the stack, which always listens on 127.0.0.1. */
export const defaultPorts = {
  api: 8080,
  postgres: 5432,
  temporal: 7233,
  temporalUi: 8233,
  smtp: 1025,
  mailbox: 8025,
} as const;

export type PortName = keyof typeof defaultPorts;
export type Ports = Record<PortName, number>;

/** The purpose, option and variable of each port. */
export const portOptions: Record<PortName, { flag: string; variable: string; what: string }> = {
  api: { flag: "--api-port", variable: "API_PORT", what: "the API" },
  postgres: { flag: "--postgres-port", variable: "POSTGRES_PORT", what: "PostgreSQL" },
  temporal: { flag: "--temporal-port", variable: "TEMPORAL_PORT", what: "Temporal" },
  temporalUi: { flag: "--temporal-ui-port", variable: "TEMPORAL_UI_PORT", what: "Temporal's UI" },
  smtp: { flag: "--smtp-port", variable: "SMTP_PORT", what: "the mailbox's SMTP server" },
  mailbox: { flag: "--mailbox-port", variable: "MAILBOX_PORT", what: "the mailbox's page" },
};

/** The number of ports that are tried after a busy default port. */
const reach = 100;

/** A configured port is in use by another program. */
export class PortInUseError extends Error {
  override name = "PortInUseError";
}

/**
 * Finds a different free port for every name. A configured port that is in use leads to a `PortInUseError`. The other ports are the default or
 * the next free one after it, or any free one with `"any"`. The ports are free now, so the caller should use them at once.
 * @param patienceMs how long to wait for a configured port, whose program may be about to end
 */
export async function choosePorts(
  configured: Partial<Ports> | "any",
  { patienceMs = 0 }: { patienceMs?: number } = {},
): Promise<Ports> {
  const fixed = configured === "any" ? {} : configured;
  const taken = new Set<number>(Object.values(fixed));
  const chosen = { ...defaultPorts } as Ports;
  for (const name of Object.keys(defaultPorts) as PortName[]) {
    const port = fixed[name];
    if (port !== undefined) {
      const free = () => isFree(port);
      await waitUntil(`port ${port}`, patienceMs, free).catch(() => {
        throw new PortInUseError(
          `port ${port}, asked for ${name}, is in use: stop the program that listens there, or choose another port`,
        );
      });
      chosen[name] = port;
      continue;
    }
    chosen[name] =
      configured === "any" ? await freePort(taken) : await nextFree(defaultPorts[name], taken);
    taken.add(chosen[name]);
  }
  return chosen;
}

/** Ports below those from which systems take the ports of outgoing connections, any of which might take a port before it is used. */
const quietPorts = { first: 10_000, count: 22_000 };

/** Finds a port of 127.0.0.1 that is free now. */
export async function freePort(except: ReadonlySet<number> = new Set()): Promise<number> {
  for (;;) {
    const port = quietPorts.first + randomInt(quietPorts.count);
    if (!except.has(port) && (await isFree(port))) return port;
  }
}

async function nextFree(first: number, except: ReadonlySet<number>): Promise<number> {
  for (let port = first; port < first + reach; port++) {
    if (!except.has(port) && (await isFree(port))) return port;
  }
  throw new PortInUseError(`ports ${first} to ${first + reach - 1} are all in use`);
}

/** Whether `port` is free now. */
export const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" || error.code === "EACCES" ? resolve(false) : reject(error),
    );
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });

import { createServer } from "node:net";
import { waitUntil } from "./wait.ts";

/** What the stack listens on, always on 127.0.0.1, and where unless told otherwise. */
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

/** What each is for, and how it is asked for by name. */
export const portOptions: Record<PortName, { flag: string; variable: string; what: string }> = {
  api: { flag: "--api-port", variable: "API_PORT", what: "the API" },
  postgres: { flag: "--postgres-port", variable: "POSTGRES_PORT", what: "PostgreSQL" },
  temporal: { flag: "--temporal-port", variable: "TEMPORAL_PORT", what: "Temporal" },
  temporalUi: { flag: "--temporal-ui-port", variable: "TEMPORAL_UI_PORT", what: "Temporal's UI" },
  smtp: { flag: "--smtp-port", variable: "SMTP_PORT", what: "the mailbox's SMTP server" },
  mailbox: { flag: "--mailbox-port", variable: "MAILBOX_PORT", what: "the mailbox's page" },
};

/** How many ports after a busy default are tried. */
const reach = 100;

/** A port was asked for by name, and somebody else has it. */
export class PortInUseError extends Error {
  override name = "PortInUseError";
}

/**
 * Finds a port for every name, each another one. One that was asked for is taken or refused (`PortInUseError`); for the
 * rest, the default or the next free one after it; any free one with `"any"`. They are free now: whoever takes them should be quick.
 * @param patienceMs how long one that was asked for is waited for: whoever has it may be about to end
 */
export async function choosePorts(
  asked: Partial<Ports> | "any",
  { patienceMs = 0 }: { patienceMs?: number } = {},
): Promise<Ports> {
  const wanted = asked === "any" ? {} : asked;
  const taken = new Set<number>(Object.values(wanted));
  const chosen = { ...defaultPorts } as Ports;
  for (const name of Object.keys(defaultPorts) as PortName[]) {
    const port = wanted[name];
    if (port !== undefined) {
      const free = () => isFree(port);
      await waitUntil(`port ${port}`, patienceMs, free).catch(() => {
        throw new PortInUseError(
          `port ${port}, asked for ${name}, is in use: end what listens there, or ask for another`,
        );
      });
      chosen[name] = port;
      continue;
    }
    chosen[name] =
      asked === "any" ? await freePort(taken) : await nextFree(defaultPorts[name], taken);
    taken.add(chosen[name]);
  }
  return chosen;
}

/** A port of 127.0.0.1 that is free now. */
export async function freePort(except: ReadonlySet<number> = new Set()): Promise<number> {
  for (;;) {
    const port = await tryPort(0);
    if (port !== null && !except.has(port)) return port;
  }
}

async function nextFree(first: number, except: ReadonlySet<number>): Promise<number> {
  for (let port = first; port < first + reach; port++) {
    if (!except.has(port) && (await isFree(port))) return port;
  }
  throw new PortInUseError(`ports ${first} to ${first + reach - 1} are all in use`);
}

/** Whether nobody has `port` now. */
export const isFree = async (port: number) => (await tryPort(port)) !== null;

/** Takes `port` for a moment (0: any) and returns it; null if somebody else has it. */
function tryPort(port: number): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" || error.code === "EACCES" ? resolve(null) : reject(error),
    );
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : null));
    });
  });
}

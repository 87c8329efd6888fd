import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { readEnvironment } from "../../config/environment.ts";
import { applyMigrations } from "../../prisma/migrate.ts";
import { temporalCli } from "./binaries.ts";
import { startGuarded } from "./guarded.ts";
import { Members, type Role } from "./members.ts";
import { startNodeProcess } from "./node-process.ts";
import { choosePorts, type Ports } from "./ports.ts";
import {
  createDatabase,
  databaseUrl,
  openCluster,
  postgresOrder,
  waitForPostgres,
} from "./postgres.ts";
import { claimFolder } from "./processes.ts";
import { type Ending, whenReady } from "./supervised.ts";
import { temporalOrder, waitForTemporal } from "./temporal.ts";
import { waitUntil } from "./wait.ts";

export interface StackOptions {
  /** Everything it keeps is here; made if it is not there. */
  dataDir: string;
  workers?: number;
  /** Ports asked for by name; `"any"`: any that are free. */
  ports?: Partial<Ports> | "any";
  /**
   * What the API and the workers get, beside what the stack tells them. `DATABASE_URL`, `TEMPORAL_ADDRESS` and `SMTP_URL`
   * name servers that somebody else runs: then none of that kind is started.
   */
  environment: NodeJS.ProcessEnv;
  /** What one of the workers gets besides. */
  environmentOfWorker?: (index: number) => NodeJS.ProcessEnv;
  /** Told in plain words what takes long, and what dies and returns. */
  say?: (line: string) => void;
}

export interface Stack {
  urls: { api: string; temporalUi: string | null; mailbox: string | null };
  apiKey: string;
  /** The key was made by this start: show it, once. */
  apiKeyIsNew: boolean;
  databaseUrl: string;
  temporalAddress: string;
  smtpUrl: string;
  /** JSON lines, as `MailboxLogLine` of mailbox.ts; null if there is no mailbox of ours. */
  mailboxLog: string | null;
  /** A signal, SIGKILL if none is named, to the process itself; it stays down until `restart`. Resolves when it is gone. */
  kill(role: Role, index?: number, signal?: Ending): Promise<void>;
  /** Stops it if it runs, starts it, resolves when it serves again. */
  restart(role: Role, index?: number): Promise<void>;
  /** The processes themselves, guards left out; null for one that is down. */
  pids(): Record<Role, (number | null)[]>;
  /** Drains and stops everything, in order; nothing is left. The data stays. */
  stop(): Promise<void>;
  /** SIGKILL to everything, at once. */
  abandon(): void;
}

/** Recovering a database after a crash may take a while. */
const startTimeoutMs = 120_000;
/** Lanes spread a campaign over workers, and each costs the development server a few dozen events. */
const embeddedLanes = "4";
const drainMs = 30_000;

/**
 * Starts PostgreSQL, Temporal, a mailbox, the API and workers as processes of their own, applies the migrations, and
 * resolves when all of them serve. They die with this process, in whatever way it dies; one that dies by itself is started
 * again. Rejects, with nothing left running, if one does not start, if a port that was asked for is taken
 * (`PortInUseError`), or if another launcher works in the folder (`FolderInUseError`).
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const dataDir = resolve(options.dataDir);
  const release = claimFolder(dataDir);
  const launcher = new Launcher(dataDir, options.say ?? (() => {}));
  try {
    return await launcher.start(options, release);
  } catch (error) {
    await launcher.giveUp();
    release();
    throw error;
  }
}

class Launcher {
  readonly #dataDir: string;
  readonly #say: (line: string) => void;
  readonly #members: Members;

  constructor(dataDir: string, say: (line: string) => void) {
    this.#dataDir = dataDir;
    this.#say = say;
    this.#members = new Members(dataDir, say);
  }

  async start(options: StackOptions, release: () => void): Promise<Stack> {
    const given = options.environment;
    const set = (name: string) => Boolean(given[name] || given[`${name}_FILE`]);
    await this.#members.clearLeftovers();
    // It may take minutes to come by: ports that were free before would not be any more.
    const temporalProgram = given["TEMPORAL_ADDRESS"]
      ? null
      : await temporalCli({ environment: given, say: this.#say });
    const ports = await choosePorts(options.ports ?? {});

    const [database, temporal, smtp] = await allOrNothing([
      set("DATABASE_URL")
        ? readEnvironment(["DATABASE_URL"], given).DATABASE_URL
        : this.#postgres(ports.postgres),
      temporalProgram === null
        ? given["TEMPORAL_ADDRESS"]!
        : this.#temporal(temporalProgram, ports),
      set("SMTP_URL") ? null : this.#mailbox(ports),
    ] as const);
    await applyMigrations(database);

    const apiUrl = `http://127.0.0.1:${ports.api}`;
    const key = set("TIDINGS_API_KEY")
      ? { value: readEnvironment(["TIDINGS_API_KEY"], given).TIDINGS_API_KEY, isNew: false }
      : this.#kept("api-key", () => `tdg_${newSecret()}`);
    const environment: NodeJS.ProcessEnv = {
      ...(given["TEMPORAL_ADDRESS"] ? given : withoutTemporal(given)),
      ...(!set("DATABASE_URL") && { DATABASE_URL: database }),
      ...(!given["TEMPORAL_ADDRESS"] && {
        TEMPORAL_ADDRESS: temporal,
        TEMPORAL_NAMESPACE: "default",
      }),
      ...(smtp && { SMTP_URL: smtp.url }),
      ...(!set("TIDINGS_API_KEY") && { TIDINGS_API_KEY: key.value }),
      ...(!set("TOKEN_SECRET") && { TOKEN_SECRET: this.#kept("token-secret", newSecret).value }),
      ...(!set("PUBLIC_URL") && { PUBLIC_URL: apiUrl }),
      API_PORT: String(ports.api),
      ...(!set("CAMPAIGN_LANES") && { CAMPAIGN_LANES: embeddedLanes }),
    };
    const ready = (signal: AbortSignal) => answers(`${apiUrl}/healthz`, signal);
    const ours = { environment, readyTimeoutMs: startTimeoutMs, graceMs: drainMs };
    const api = (log: number) => startNodeProcess({ ...ours, program: "api/main.js", ready, log });
    const worker = (index: number) => (log: number) =>
      startNodeProcess({
        ...ours,
        environment: {
          ...environment,
          ...listenerOf(given, index),
          ...options.environmentOfWorker?.(index),
        },
        program: "workers/main.js",
        log,
      });
    await allOrNothing([
      this.#members.supervise("api", api),
      ...Array.from({ length: options.workers ?? 1 }, (_, index) =>
        this.#members.supervise("worker", worker(index)),
      ),
    ]);

    return {
      urls: {
        api: apiUrl,
        temporalUi: given["TEMPORAL_ADDRESS"] ? null : `http://127.0.0.1:${ports.temporalUi}`,
        mailbox: smtp && `http://127.0.0.1:${ports.mailbox}`,
      },
      apiKey: key.value,
      apiKeyIsNew: key.isNew,
      databaseUrl: database,
      temporalAddress: temporal,
      smtpUrl:
        smtp?.url ?? given["SMTP_URL"] ?? readFileSync(given["SMTP_URL_FILE"]!, "utf8").trim(),
      mailboxLog: smtp && smtp.log,
      kill: (role, index = 0, signal) => this.#members.get(role, index).kill(signal),
      restart: (role, index = 0) => this.#members.get(role, index).restart(),
      pids: () => this.#members.pids(),
      stop: async () => {
        await this.#members.stop();
        release();
      },
      abandon: () => {
        this.#members.abandon();
        release();
      },
    };
  }

  /** After a start that failed. */
  giveUp(): Promise<void> {
    return this.#members.stop();
  }

  async #postgres(port: number): Promise<string> {
    const cluster = openCluster({
      folder: join(this.#dataDir, "postgres"),
      passwordPath: join(this.#dataDir, "postgres-password"),
    });
    const maintenance = databaseUrl(cluster, port, "postgres");
    await this.#members.supervise("postgres", async (log) => {
      const server = await startGuarded(postgresOrder(cluster, port, { durable: true }), log);
      return whenReady(server, (signal) => waitForPostgres(maintenance, startTimeoutMs, signal));
    });
    await createDatabase(maintenance, "tidings");
    return databaseUrl(cluster, port, "tidings");
  }

  async #temporal(program: string, ports: Ports): Promise<string> {
    const databasePath = join(this.#dataDir, "temporal.db");
    const address = `127.0.0.1:${ports.temporal}`;
    const order = temporalOrder({
      program,
      port: ports.temporal,
      uiPort: ports.temporalUi,
      databasePath,
    });
    await this.#members.supervise("temporal", async (log) => {
      const server = await startGuarded(order, log);
      return whenReady(server, (signal) => waitForTemporal(address, startTimeoutMs, signal));
    });
    return address;
  }

  async #mailbox(ports: Ports): Promise<{ url: string; log: string }> {
    const log = join(this.#dataDir, "mailbox.jsonl");
    const flags = { "smtp-port": ports.smtp, "http-port": ports.mailbox, log };
    const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
    const program = "cli/stack/mailbox.js";
    await this.#members.supervise("mailbox", (output) =>
      startNodeProcess({
        program,
        args,
        environment: {},
        log: output,
        readyTimeoutMs: startTimeoutMs,
        graceMs: 5_000,
      }),
    );
    return { url: `smtp://127.0.0.1:${ports.smtp}?name=mailbox`, log };
  }

  /** Made on the first start, and kept for its owner's eyes only. */
  #kept(file: string, make: () => string): { value: string; isNew: boolean } {
    const path = join(this.#dataDir, file);
    if (existsSync(path)) return { value: readFileSync(path, "utf8").trim(), isNew: false };
    const value = make();
    writeFileSync(path, `${value}\n`, { mode: 0o600 });
    return { value, isNew: true };
  }
}

const newSecret = () => randomBytes(24).toString("base64url");

/** Waits for all to settle before it rejects: what failed must not leave its neighbours half started. */
async function allOrNothing<const Parts extends readonly unknown[]>(
  parts: Parts,
): Promise<{ -readonly [Index in keyof Parts]: Awaited<Parts[Index]> }> {
  await Promise.allSettled(parts);
  return Promise.all(parts) as Promise<{ -readonly [Index in keyof Parts]: Awaited<Parts[Index]> }>;
}

async function answers(url: string, signal: AbortSignal): Promise<void> {
  const ask = async () => (await fetch(url, { signal: AbortSignal.timeout(5_000) })).ok;
  await waitUntil(`${url} to answer`, startTimeoutMs, ask, signal);
}

/** Workers of one machine cannot listen on one port: each takes the next. */
function listenerOf(environment: NodeJS.ProcessEnv, index: number): NodeJS.ProcessEnv {
  const { WORKER_PORT: first } = readEnvironment(["WORKER_PORT"], environment);
  return first === 0 ? {} : { WORKER_PORT: String(first + index) };
}

/** Our own server wants no namespace, TLS or key that was meant for another. */
function withoutTemporal(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !name.startsWith("TEMPORAL_")),
  );
}

import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { ConfigurationError, readEnvironment } from "../../config/environment.ts";
import { loopbackSettings } from "../../config/outbound.ts";
import { applyMigrations } from "../../prisma/migrate.ts";
import { temporalCli } from "./binaries.ts";
import { FolderUnusableError, makePrivate, readKept, writeKept } from "./kept-files.ts";
import { Members, type Role, type StartTerms } from "./members.ts";
import { startNodeProcess } from "./node-process.ts";
import { choosePorts, type Ports } from "./ports.ts";
import { postgresUser } from "./postgres-user.ts";
import { claimFolder } from "./processes.ts";
import { runMailbox, runPostgres, runTemporal, type Site, startTimeoutMs } from "./servers.ts";
import type { Ending } from "./supervised.ts";
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

  get #site(): Site {
    return { dataDir: this.#dataDir, members: this.#members, say: this.#say };
  }

  async start(options: StackOptions, release: () => void): Promise<Stack> {
    const given = options.environment;
    const set = (name: string) => Boolean(given[name] || given[`${name}_FILE`]);
    const wasLeft = await this.#members.clearLeftovers();
    makePrivate(this.#dataDir, set("DATABASE_URL") ? null : postgresUser());
    // It may take minutes to come by: ports that were free before would not be any more.
    const temporalProgram = given["TEMPORAL_ADDRESS"]
      ? null
      : await temporalCli({ environment: given, say: this.#say });
    const ports = await choosePorts(options.ports ?? {}, { patienceMs: wasLeft ? 30_000 : 0 });

    const [database, temporal, smtp] = await allOrNothing([
      set("DATABASE_URL")
        ? readEnvironment(["DATABASE_URL"], given).DATABASE_URL
        : runPostgres(this.#site, ports.postgres),
      temporalProgram === null
        ? given["TEMPORAL_ADDRESS"]!
        : runTemporal(this.#site, temporalProgram, ports),
      set("SMTP_URL") ? null : runMailbox(this.#site, ports),
    ] as const);
    await applyMigrations(database);

    const apiUrl = `http://127.0.0.1:${ports.api}`;
    const key = set("TIDINGS_API_KEY")
      ? { value: readEnvironment(["TIDINGS_API_KEY"], given).TIDINGS_API_KEY, isNew: false }
      : this.#kept("api-key", "TIDINGS_API_KEY", () => `tdg_${newSecret()}`);
    const environment: NodeJS.ProcessEnv = {
      ...(given["TEMPORAL_ADDRESS"] ? given : withoutTemporal(given)),
      ...(!set("DATABASE_URL") && { DATABASE_URL: database }),
      ...(!given["TEMPORAL_ADDRESS"] && {
        TEMPORAL_ADDRESS: temporal,
        TEMPORAL_NAMESPACE: "default",
      }),
      ...(smtp && { SMTP_URL: smtp.url }),
      ...(!set("TIDINGS_API_KEY") && { TIDINGS_API_KEY: key.value }),
      ...(!set("TOKEN_SECRET") && {
        TOKEN_SECRET: this.#kept("token-secret", "TOKEN_SECRET", newSecret).value,
      }),
      ...(!set("PUBLIC_URL") && { PUBLIC_URL: apiUrl }),
      ...loopbackSettings(given),
      API_PORT: String(ports.api),
      ...(!set("CAMPAIGN_LANES") && { CAMPAIGN_LANES: embeddedLanes }),
    };
    const ready = (signal: AbortSignal) => answers(`${apiUrl}/healthz`, signal);
    const ours = { environment, readyTimeoutMs: startTimeoutMs, graceMs: drainMs };
    const api = (terms: StartTerms) =>
      startNodeProcess({ ...ours, program: "api/main.js", ready, terms });
    const worker = (index: number) => (terms: StartTerms) =>
      startNodeProcess({
        ...ours,
        environment: {
          ...environment,
          ...listenerOf(given, index),
          ...options.environmentOfWorker?.(index),
        },
        program: "workers/main.js",
        terms,
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

  /** Made on the first start, and kept; made anew where the file is missing or empty. */
  #kept(file: string, variable: "TIDINGS_API_KEY" | "TOKEN_SECRET", make: () => string) {
    const path = join(this.#dataDir, file);
    const found = readKept(path);
    if (found === null) {
      if (existsSync(path)) this.#say(`${path} was empty: a new one was made`);
      const value = make();
      writeKept(path, `${value}\n`);
      return { value, isNew: true };
    }
    try {
      readEnvironment([variable], { [variable]: found });
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      throw new FolderUnusableError(
        `${path} is not as it was made: correct it, or delete it to have a new one made. ${error.message}`,
      );
    }
    return { value: found, isNew: false };
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

import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { ConfigurationError, readEnvironment } from "../../config/environment.ts";
import { loopbackSettings } from "../../config/outbound.ts";
import { createVapidKey, publicKeyOf } from "../../config/vapid.ts";
import { combineProviders } from "../../config/worker-providers.ts";
import { applyMigrations } from "../../prisma/migrate.ts";
import { temporalCli } from "./binaries.ts";
import { FolderUnusableError, makePrivate, readKept, writeKept } from "./kept-files.ts";
import { Members, type Role, type StartTerms } from "./members.ts";
import { startNodeProcess } from "./node-process.ts";
import { choosePorts, type Ports } from "./ports.ts";
import { postgresUser } from "./postgres-user.ts";
import { claimFolder } from "./processes.ts";
import { runMailbox, runPostgres, runTemporal, type Site, startTimeoutMs } from "./servers.ts";
import { makeSignInLink } from "./sign-in-link.ts";
import type { Ending } from "./supervised.ts";
import { waitUntil } from "./wait.ts";

export interface StackOptions {
  /** The folder of all data; it is created if it does not exist. */
  dataDir: string;
  workers?: number;
  /** Configured ports; `"any"` means any free ports. */
  ports?: Partial<Ports> | "any";
  /**
   * The environment of the API and the workers, in addition to the variables that the stack sets. If `DATABASE_URL`, `TEMPORAL_ADDRESS` or
   * SMTP servers are set, the stack uses them and starts none of that kind.
   */
  environment: NodeJS.ProcessEnv;
  /** Additional variables for one of the workers. */
  environmentOfWorker?: (index: number) => NodeJS.ProcessEnv;
  /** Receives a line for each step that takes long, and for each process that dies or is started again. */
  say?: (line: string) => void;
}

export interface Stack {
  urls: { api: string; temporalUi: string | null; mailbox: string | null };
  /** A link that signs in to the console, once and within ten minutes of the start. */
  consoleLink: string;
  apiKey: string;
  /** Whether this start created the key, which must then be shown once. */
  apiKeyIsNew: boolean;
  databaseUrl: string;
  temporalAddress: string;
  /** The SMTP servers, each as `host:port`. */
  smtpServers: readonly string[];
  /** The path of the mailbox's log, with JSON lines of type `MailboxLogLine` (mailbox.ts); null if the stack runs no mailbox. */
  mailboxLog: string | null;
  /** Sends a signal to a process, SIGKILL by default. It stays down until `restart`. Resolves when the process has ended. */
  kill(role: Role, index?: number, signal?: Ending): Promise<void>;
  /** Stops a process if it runs, and starts it. Resolves when it is ready. */
  restart(role: Role, index?: number): Promise<void>;
  /** The process ids, without guards; null for a process that is down. */
  pids(): Record<Role, (number | null)[]>;
  /** Drains and stops all processes in order. The data stays. */
  stop(): Promise<void>;
  /** Sends SIGKILL to all processes at once. */
  abandon(): void;
}

/** The number of lanes: they spread a campaign over workers, but each costs the development server a few dozen events. */
const embeddedLanes = "4";
const drainMs = 30_000;

/**
 * Starts PostgreSQL, Temporal, a mailbox, the API and workers as separate processes, applies the migrations, and resolves when all of them are
 * ready. They end with this process, however it ends; a process that dies is started again. Rejects, with no process left running, if
 * one does not start, if a configured port is in use (`PortInUseError`), or if another launcher uses the folder (`FolderInUseError`).
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
    const { smtp: servers } = combineProviders(readEnvironment(["SMTP_URL", "PROVIDERS"], given));
    const wasLeft = await this.#members.clearLeftovers();
    makePrivate(this.#dataDir, set("DATABASE_URL") ? null : postgresUser());
    // Getting the program may take minutes, so ports are chosen after it.
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
      servers.length > 0 ? null : runMailbox(this.#site, ports),
    ] as const);
    await applyMigrations(database);

    const apiUrl = `http://127.0.0.1:${ports.api}`;
    const key = set("TIDINGS_API_KEY")
      ? { value: readEnvironment(["TIDINGS_API_KEY"], given).TIDINGS_API_KEY, isNew: false }
      : this.#kept("api-key", "TIDINGS_API_KEY", () => `tdg_${newSecret()}`);
    const temporalUi = given["TEMPORAL_ADDRESS"] ? null : `http://127.0.0.1:${ports.temporalUi}`;
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
      ...(!set("SEALING_KEYS") && {
        SEALING_KEYS: this.#kept("sealing-keys", "SEALING_KEYS", newSealingKey).value,
      }),
      ...(!["VAPID_PUBLIC_KEY", "VAPID_PRIVATE_KEY", "VAPID_SUBJECT"].some(set) &&
        this.#vapidSettings(given)),
      ...(!set("PUBLIC_URL") && { PUBLIC_URL: apiUrl }),
      ...(temporalUi && !set("CONSOLE_TEMPORAL_URL") && { CONSOLE_TEMPORAL_URL: temporalUi }),
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
    const inbound = (terms: StartTerms) =>
      startNodeProcess({ ...ours, program: "workers/inbound/main.js", terms });
    await allOrNothing([
      this.#members.supervise("api", api),
      ...(set("BOUNCE_DOMAIN") ? [this.#members.supervise("inbound", inbound)] : []),
      ...Array.from({ length: options.workers ?? 1 }, (_, index) =>
        this.#members.supervise("worker", worker(index)),
      ),
    ]);

    return {
      consoleLink: await makeSignInLink(apiUrl, key.value),
      urls: {
        api: apiUrl,
        temporalUi,
        mailbox: smtp && `http://127.0.0.1:${ports.mailbox}`,
      },
      apiKey: key.value,
      apiKeyIsNew: key.isNew,
      databaseUrl: database,
      temporalAddress: temporal,
      smtpServers: smtp
        ? [`127.0.0.1:${ports.smtp}`]
        : servers.map(({ host, port }) => `${host}:${port}`),
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

  /** Stops all processes after a failed start. */
  giveUp(): Promise<void> {
    return this.#members.stop();
  }

  /** The settings of web push, whose keys are kept: devices that subscribed with another key cannot be reached. */
  #vapidSettings(given: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
    const { value: secrets } = this.#kept("vapid-private-key", "VAPID_PRIVATE_KEY", createVapidKey);
    const { address, domain } = readEnvironment(["MAIL_FROM"], given).MAIL_FROM.mailbox;
    return {
      VAPID_PRIVATE_KEY: secrets,
      VAPID_PUBLIC_KEY: publicKeyOf(secrets.split(/\s+/)[0]!),
      VAPID_SUBJECT: domain === "localhost" ? localContact : `mailto:${address}`,
    };
  }

  /** Reads a secret from its file, or creates it if the file is missing or empty. */
  #kept(
    file: string,
    variable: "TIDINGS_API_KEY" | "TOKEN_SECRET" | "SEALING_KEYS" | "VAPID_PRIVATE_KEY",
    make: () => string,
  ) {
    const path = join(this.#dataDir, file);
    const found = readKept(path);
    if (found === null) {
      if (existsSync(path)) this.#say(`${path} was empty: a new secret was created`);
      const value = make();
      writeKept(path, `${value}\n`);
      return { value, isNew: true };
    }
    try {
      readEnvironment([variable], { [variable]: found, VAPID_SUBJECT: localContact });
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      throw new FolderUnusableError(
        `${path} is invalid: correct it, or delete it so that a new one is created. ${error.message}`,
      );
    }
    return { value: found, isNew: false };
  }
}

/** The contact for push services where the sender is this machine itself, as it is in development. */
const localContact = "mailto:tidings@example.org";

const newSecret = () => randomBytes(24).toString("base64url");

/** A master key with a random id, so that a lost key and its successor have different ids. */
const newSealingKey = () =>
  `k${randomBytes(4).toString("hex")}:${randomBytes(32).toString("base64")}`;

/** Like Promise.all, but waits for all parts before it rejects, so that none of them is left half started. */
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

/** The port of a worker: each further worker uses the next port, since workers on one machine cannot share one. */
function listenerOf(environment: NodeJS.ProcessEnv, index: number): NodeJS.ProcessEnv {
  const { WORKER_PORT: first } = readEnvironment(["WORKER_PORT"], environment);
  return first === 0 ? {} : { WORKER_PORT: String(first + index) };
}

/** The environment without Temporal's variables: the stack's own server must not get the namespace, TLS or key of another one. */
function withoutTemporal(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !name.startsWith("TEMPORAL_")),
  );
}

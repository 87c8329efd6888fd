import { readFileSync } from "node:fs";
import { z } from "zod";
import { parseMailbox, parseSender, type Sender } from "../domain/address.ts";
import { providerName } from "../domain/provider-name.ts";
import { eventsProvider } from "../domain/delivery/gates.ts";
import { maxShards } from "../domain/delivery/queues.ts";
import { webUrl } from "../domain/web-url.ts";
import { hostName } from "../lib/allowed-hosts.ts";

/** Raised with every fault of the environment at once, each naming its variable and the mend. */
export class ConfigurationError extends Error {
  override name = "ConfigurationError";
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(
      `The configuration has ${faults.length === 1 ? "a fault" : `${faults.length} faults`}:\n${faults.map((fault) => `  - ${fault}`).join("\n")}`,
    );
    this.faults = faults;
  }
}

const wholeNumber = (min: number, max: number, preset: number) =>
  z.coerce
    .number(`must be a whole number from ${min} to ${max}`)
    .int(`must be a whole number`)
    .min(min, `must be at least ${min}`)
    .max(max, `must be at most ${max}`)
    .default(preset);

/** One SMTP server of `SMTP_URL`, in order of preference. */
export interface SmtpProvider {
  /** Stands in the ledger's attempts: no credentials, no address. */
  name: string;
  host: string;
  port: number;
  /** TLS from the first byte (`smtps:`); otherwise STARTTLS is used where the server offers it. */
  secure: boolean;
  /** `?tls=required`, or a password: fail rather than speak in the clear. */
  requireTls: boolean;
  /** `?tls=unverified`: accept a certificate that cannot be verified. */
  verifyTls: boolean;
  auth: { user: string; pass: string } | null;
  /** Connections a worker keeps open to it for ordinary traffic. */
  connections: number;
  /** Messages that it takes over one connection; null: as many as come. */
  messages: number | null;
}

const smtpUrlHelp =
  "must be smtp://[user:password@]host[:port][?name=…&connections=1-50&messages=1-100000&tls=required|unverified], several separated by spaces";

const smtpProviders = z.string().transform((text, context): SmtpProvider[] => {
  const urls = text.split(/\s+/).filter(Boolean);
  const providers: SmtpProvider[] = [];
  for (const [index, value] of urls.entries()) {
    const url = URL.canParse(value) ? new URL(value) : null;
    const auth = url && credentials(url);
    if (!url || !["smtp:", "smtps:"].includes(url.protocol) || !url.hostname || !auth) {
      context.addIssue({ code: "custom", message: smtpUrlHelp });
      return z.NEVER;
    }
    const options = z
      .object({
        name: providerName,
        connections: z.coerce.number().int().min(1).max(50),
        messages: z.coerce.number().int().min(1).max(100_000).nullable(),
        tls: z.enum(["offered", "required", "unverified"]),
      })
      .strict()
      .safeParse({
        name: `smtp-${index + 1}`,
        connections: 10,
        messages: null,
        tls: "offered",
        ...Object.fromEntries(url.searchParams),
      });
    const taken = [eventsProvider, ...providers.map((other) => other.name)];
    if (!options.success || taken.includes(options.data.name)) {
      context.addIssue({
        code: "custom",
        message: `${smtpUrlHelp}; each name once, and none of them ${eventsProvider}`,
      });
      return z.NEVER;
    }
    const secure = url.protocol === "smtps:";
    const hasPassword = auth.user !== "";
    if (hasPassword && !secure && url.searchParams.get("tls") === "offered") {
      context.addIssue({
        code: "custom",
        message: "would send a password without TLS: leave tls=offered out, or say tls=required",
      });
      return z.NEVER;
    }
    providers.push({
      name: options.data.name,
      host: url.hostname.replace(/^\[|\]$/g, ""),
      port: url.port ? Number(url.port) : secure ? 465 : 587,
      secure,
      requireTls: options.data.tls === "required" || hasPassword,
      verifyTls: options.data.tls !== "unverified",
      auth: auth.user ? auth : null,
      connections: options.data.connections,
      messages: options.data.messages,
    });
  }
  if (providers.length === 0) context.addIssue({ code: "custom", message: smtpUrlHelp });
  return providers;
});

/** Null where they are not percent-encoded as a URL's have to be. */
function credentials({ username, password }: URL): { user: string; pass: string } | null {
  try {
    return { user: decodeURIComponent(username), pass: decodeURIComponent(password) };
  } catch {
    return null;
  }
}

const mailFrom = z
  .string()
  .transform((text, context): Sender => {
    const sender = parseSender(text);
    if (sender) return sender;
    context.addIssue({ code: "custom", message: "must be an address: Name <name@example.org>" });
    return z.NEVER;
  })
  .prefault("Tidings <tidings@localhost>");

/** Domains in their ASCII form, which templates, types and campaigns may send as beside that of `MAIL_FROM`. */
const mailFromDomains = z
  .string()
  .transform((text, context): string[] => {
    const domains = text.split(/[\s,]+/).filter(Boolean);
    const mailboxes = domains.map((domain) => parseMailbox(`a@${domain}`));
    if (mailboxes.every((mailbox) => mailbox !== null))
      return mailboxes.map(({ domain }) => domain);
    context.addIssue({ code: "custom", message: "must be domains, with blanks between them" });
    return z.NEVER;
  })
  .prefault("");

/** Names as they stand in a Host header, without a port. */
const hosts = z
  .string()
  .transform((text, context): string[] => {
    const names = text
      .split(/[\s,]+/)
      .filter(Boolean)
      .map(hostName);
    if (names.every((name) => name !== null)) return names;
    context.addIssue({
      code: "custom",
      message: "must be names of hosts, with blanks between them",
    });
    return z.NEVER;
  })
  .prefault("");

const publicUrl = webUrl
  .refine((url) => !/[?#]/.test(url), "must be without a query and a fragment")
  .transform((url) => url.replace(/\/+$/, ""));

/** A secret a line, the newest first: it is used, and those before it are still known until nobody uses them. */
const secrets = (min: number, given: z.ZodString) =>
  given
    .transform((text) => text.split("\n").map((line) => line.trim()))
    .transform((lines) => lines.filter((line) => line !== ""))
    .refine((lines) => lines.length > 0 && lines.every((line) => line.length >= min), {
      error: ({ input }) =>
        `must have at least ${min} characters${(input as string[]).length > 1 ? " on each line" : ""}`,
    });

/** Of OpenTelemetry's own variables those without which it is not loaded. */
const collector = z
  .url({ protocol: /^https?$/, error: "must be http://host:port of an OTLP collector" })
  .optional();

/** Every variable that Tidings reads, by name, with the description that docs/configuration.md shows. Temporal's own (`TEMPORAL_*`) are read by `@temporalio/envconfig`. */
export const variables = {
  DATABASE_URL: z
    .url({
      protocol: /^postgres(ql)?$/,
      error: "must be postgresql://user:password@host:port/database",
    })
    .describe(
      "Address of PostgreSQL 15 or newer: `postgresql://user:password@host:port/database`. Migrations read it too. With `npm start`, Tidings uses that server and starts none.",
    ),
  DATABASE_CONNECTIONS: wholeNumber(5, 200, 12).describe(
    "Largest number of connections that each process opens to PostgreSQL.",
  ),
  LOG_LEVEL: z
    .enum(
      ["trace", "debug", "info", "warn", "error", "fatal", "silent"],
      "must be trace, debug, info, warn, error, fatal or silent",
    )
    .default("info")
    .describe(
      "Lowest level that is logged. Logs are JSON lines on standard error and contain no personal data.",
    ),
  MAILBOX_SHARDS: wholeNumber(1, maxShards, 4).describe(
    "Number of queues over which notifications are spread, and the number of further queues for critical ones. A few suffice for one machine; a cluster needs more. All processes need the same value.",
  ),
  CAMPAIGN_LANES: wholeNumber(1, maxShards, 8).describe(
    "Number of queues over which the messages of each new campaign are spread.",
  ),
  API_HOST: z.string().min(1).default("127.0.0.1").describe("Address on which the API listens."),
  API_PORT: wholeNumber(0, 65_535, 8080).describe(
    "Port on which the API listens. If it is set and busy, `npm start` fails; if it is not set, `npm start` takes the next free port.",
  ),
  API_BODY_LIMIT_BYTES: wholeNumber(1_024, 100_000_000, 1_048_576).describe(
    "Largest request body. Imports are exempt: they are streams with a limit for each line. Routes without a key and those for recipients take at most 16 KiB.",
  ),
  API_MAX_CONNECTIONS: wholeNumber(10, 100_000, 2_000).describe(
    "Largest number of client connections that are open at once. Further connections are closed.",
  ),
  API_HOSTS: hosts.describe(
    "Host names, separated by blanks, that the `Host` header of a request may contain. If `API_HOST` is a loopback address, the names of the loopback and the host of `PUBLIC_URL` are also accepted, and all other names are refused. Otherwise every name is accepted unless this is set.",
  ),
  API_TRUSTED_PROXIES: wholeNumber(0, 10, 0).describe(
    "Number of proxies in front of the API that add to `X-Forwarded-For`. The audit trail records the client address that the first of them saw.",
  ),
  API_REQUESTS_PER_MINUTE: wholeNumber(1, 100_000_000, 60_000).describe(
    "Requests that one API key may send to one API process in a minute. A key may have its own limit.",
  ),
  MAX_UNSENT: wholeNumber(1, 100_000_000, 10_000).describe(
    "Deliveries of notifications that may be due and unsent at once, with those that wait for a limit or another attempt. Further requests are answered with 429. One API key may use four fifths of what the other keys leave, and critical deliveries get a tenth more. The limit is exact with one API process.",
  ),
  MAX_SCHEDULED: wholeNumber(1, 100_000_000, 1_000_000).describe(
    "Deliveries of notifications that may wait for a later time at once: scheduled, snoozed, or held because of their recipient's preferences. Each API key has the same share of it as of `MAX_UNSENT`.",
  ),
  MAX_UNSENT_PER_RECIPIENT: wholeNumber(1, 1_000_000, 100).describe(
    "Deliveries that may be due and unsent for each recipient, and deliveries that may be scheduled for each recipient.",
  ),
  TIDINGS_API_KEY: z
    .string("is a secret of at least 24 characters that callers send as a bearer token")
    .min(24, "must have at least 24 characters")
    .describe(
      "The first API key, a secret of at least 24 characters with the role `admin`, which can create the other keys. `npm start` generates one and stores it in `.tidings/api-key`.",
    ),
  TOKEN_SECRET: secrets(
    32,
    z.string("is a secret of at least 32 characters that links in messages are signed with"),
  ).describe(
    "Secrets of at least 32 characters, one on each line, for recipients' tokens and the links in messages. The first one signs; what any of them has signed is accepted, so that a secret can be [rotated](runbook.md). `npm start` generates one and stores it in `.tidings/token-secret`.",
  ),
  /** Without a slash at its end. */
  PUBLIC_URL: publicUrl
    .prefault("http://127.0.0.1:8080")
    .describe(
      "Address at which recipients reach the API. Links in messages begin with it. `npm start` uses the API's own address.",
    ),
  EVENTS_URL: webUrl
    .optional()
    .describe(
      "An `http://` or `https://` address to which recipients' actions are POSTed. Without it, events are only stored and listed.",
    ),
  EVENTS_SECRET: secrets(24, z.string())
    .optional()
    .describe(
      "Secrets of at least 24 characters, one on each line, each of which signs what is POSTed to `EVENTS_URL`. One is required with `EVENTS_URL`.",
    ),
  SMTP_URL: smtpProviders.describe(
    "SMTP servers, separated by spaces and tried in order: `smtp://user:password@host:port?name=…&connections=10&messages=100&tls=required`, or `smtps://` for TLS from the first byte ([options](#smtp_url-options)). With `npm start`, messages go to these servers and no mailbox is started.",
  ),
  MAIL_FROM: mailFrom.describe(
    "The default sender. Its domain is also the domain of every Message-ID.",
  ),
  MAIL_FROM_DOMAINS: mailFromDomains.describe(
    "Domains, separated by spaces, from which templates, notification types and campaigns may send besides the domain of `MAIL_FROM`.",
  ),
  SEND_DEADLINE_MS: wholeNumber(100, 600_000, 30_000).describe(
    "Time in milliseconds that a mail server has for each step up to the end of a message, and that a message waits for a free connection.",
  ),
  ANSWER_DEADLINE_MS: wholeNumber(100, 3_600_000, 600_000).describe(
    "Time in milliseconds that a mail server has to answer once it has the whole message. A shorter time causes repeats.",
  ),
  RETRY_BASE_MS: wholeNumber(10, 3_600_000, 15_000).describe(
    "Wait in milliseconds after the first transient failure. The wait doubles with each attempt, and half of it is random.",
  ),
  RETRY_CAP_MS: wholeNumber(10, 86_400_000, 3_600_000).describe(
    "Longest wait in milliseconds between two attempts.",
  ),
  RETRY_ATTEMPTS: wholeNumber(1, 100, 10).describe(
    "Number of attempts after which a delivery has `failed`.",
  ),
  WORKER_HOST: z
    .string()
    .min(1)
    .default("127.0.0.1")
    .describe("Address on which a worker listens for health checks and Prometheus."),
  WORKER_PORT: wholeNumber(0, 65_535, 0).describe(
    "Port on which a worker listens for health checks and Prometheus; 0 means that it does not listen. With `npm start`, each further worker takes the next port.",
  ),
  RETENTION_DELIVERIES_DAYS: wholeNumber(1, 36_500, 90).describe(
    "Days for which ended deliveries, their attempts and notifications are kept. A campaign keeps the counts of what was removed.",
  ),
  RETENTION_AUDIT_DAYS: wholeNumber(1, 36_500, 365).describe(
    "Days for which the audit trail is kept.",
  ),
  RETENTION_IDEMPOTENCY_DAYS: wholeNumber(1, 3_650, 3).describe(
    "Days for which a repeated `Idempotency-Key` returns the first answer.",
  ),
  TZDIR: z
    .string()
    .min(1)
    .optional()
    .describe(
      "Folder of the system's time zone data (TZif files and `tzdata.zi`). Without it, `/usr/share/zoneinfo` and the other usual folders are searched. The data is used where it is newer than the data in Node.js, and is checked every minute.",
    ),
  OTEL_EXPORTER_OTLP_ENDPOINT: collector.describe(
    "OpenTelemetry collector (OTLP over HTTP) that receives traces under `/v1/traces`. OpenTelemetry's other variables are read too. Without an endpoint, OpenTelemetry is not loaded.",
  ),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: collector.describe(
    "The same collector, as the complete address for traces.",
  ),
  OTEL_SERVICE_NAME: z
    .string()
    .min(1)
    .optional()
    .describe(
      "Service name in traces. Without it, the names are `tidings-api` and `tidings-worker`.",
    ),
} as const;

export type Variable = keyof typeof variables;
export type Environment<Names extends Variable> = {
  [Name in Names]: z.output<(typeof variables)[Name]>;
};

interface Given {
  /** Undefined where it is not set, or empty. */
  value?: string | undefined;
  fault?: string;
}

function given(name: Variable, source: NodeJS.ProcessEnv): Given {
  const file = source[`${name}_FILE`];
  if (!file) return { value: source[name] || undefined };
  if (source[name]) return { fault: `${name} and ${name}_FILE are both set: keep one` };
  try {
    return { value: readFileSync(file, "utf8").trim() || undefined };
  } catch {
    return { fault: `${name}_FILE names a file that cannot be read: ${file}` };
  }
}

const isMissing = ({ value, fault }: Given) => value === undefined && fault === undefined;

/** What is not set alone. */
const companions: Partial<Record<Variable, Variable>> = { EVENTS_URL: "EVENTS_SECRET" };

/**
 * Reads the named variables, or throws a `ConfigurationError` that lists every fault at once. `NAME_FILE` names a file
 * to read the value from, for secrets that are mounted; an empty value counts as absent. Values are never in the error.
 */
export function readEnvironment<Names extends Variable>(
  names: readonly Names[],
  source: NodeJS.ProcessEnv,
): Environment<Names> {
  const faults: string[] = [];
  const values: Record<string, unknown> = {};
  for (const name of names) {
    const { value, fault } = given(name, source);
    if (fault !== undefined) {
      faults.push(fault);
      continue;
    }
    const companion = companions[name];
    if (value !== undefined && companion && isMissing(given(companion, source)))
      faults.push(`${companion} is not set: ${name} needs it`);
    const parsed = variables[name].safeParse(value);
    if (parsed.success) values[name] = parsed.data;
    else if (value === undefined)
      faults.push(
        `${name} is not set: it ${parsed.error.issues[0]?.message.replace(/^Invalid input.*/, "is required") ?? "is required"}`,
      );
    else faults.push(...parsed.error.issues.map((issue) => `${name} ${issue.message}`));
  }
  if (faults.length > 0) throw new ConfigurationError(faults);
  return values as Environment<Names>;
}

export const apiVariables = [
  "DATABASE_URL",
  "DATABASE_CONNECTIONS",
  "LOG_LEVEL",
  "MAILBOX_SHARDS",
  "CAMPAIGN_LANES",
  "API_HOST",
  "API_PORT",
  "API_BODY_LIMIT_BYTES",
  "API_MAX_CONNECTIONS",
  "API_HOSTS",
  "API_TRUSTED_PROXIES",
  "API_REQUESTS_PER_MINUTE",
  "MAX_UNSENT",
  "MAX_SCHEDULED",
  "MAX_UNSENT_PER_RECIPIENT",
  "TIDINGS_API_KEY",
  "TOKEN_SECRET",
  "PUBLIC_URL",
  "MAIL_FROM",
  "MAIL_FROM_DOMAINS",
  "TZDIR",
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
  "OTEL_SERVICE_NAME",
] as const;
export const workerVariables = [
  "DATABASE_URL",
  "DATABASE_CONNECTIONS",
  "LOG_LEVEL",
  "MAILBOX_SHARDS",
  "TOKEN_SECRET",
  "PUBLIC_URL",
  "EVENTS_URL",
  "EVENTS_SECRET",
  "SMTP_URL",
  "MAIL_FROM",
  "SEND_DEADLINE_MS",
  "ANSWER_DEADLINE_MS",
  "RETRY_BASE_MS",
  "RETRY_CAP_MS",
  "RETRY_ATTEMPTS",
  "WORKER_HOST",
  "WORKER_PORT",
  "RETENTION_DELIVERIES_DAYS",
  "RETENTION_AUDIT_DAYS",
  "RETENTION_IDEMPOTENCY_DAYS",
  "TZDIR",
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
  "OTEL_SERVICE_NAME",
] as const;

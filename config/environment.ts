import { createECDH, createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { z } from "zod";
import { parseMailbox, parseSender, type Sender } from "../domain/address.ts";
import { timeZone } from "../domain/recipient.ts";
import { maxShards } from "../domain/delivery/queues.ts";
import { type MasterKey, parseMasterKeys } from "../domain/sealing/master-keys.ts";
import { publicKey } from "../domain/push-subscription.ts";
import { operatorRoles } from "../domain/role.ts";
import { isSigningSecret } from "../domain/signature.ts";
import { nameText, text } from "../domain/text.ts";
import { webUrl } from "../domain/web-url.ts";
import { hostName, isLoopback } from "../lib/allowed-hosts.ts";
import { dkimKeys } from "./dkim.ts";
import { pageColor, pagePicture } from "./page-style.ts";
import { providerList, smtpServers } from "./providers.ts";
import { parseSubnet, type Subnet } from "../lib/outbound/addresses.ts";

/** Thrown with all faults of the environment; each fault names its variable and the expected value. */
export class ConfigurationError extends Error {
  override name = "ConfigurationError";
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(
      `The configuration has ${faults.length === 1 ? "an error" : `${faults.length} errors`}:\n${faults.map((fault) => `  - ${fault}`).join("\n")}`,
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

const mailFrom = z
  .string()
  .transform((text, context): Sender => {
    const sender = parseSender(text);
    if (sender) return sender;
    context.addIssue({ code: "custom", message: "must be an address: Name <name@example.org>" });
    return z.NEVER;
  })
  .prefault("Tidings <tidings@localhost>");

/** The schema of domains in a list; the result is their ASCII form. */
const mailFromDomains = z
  .string()
  .transform((text, context): string[] => {
    const domains = text.split(/[\s,]+/).filter(Boolean);
    const mailboxes = domains.map((domain) => parseMailbox(`a@${domain}`));
    if (mailboxes.every((mailbox) => mailbox !== null))
      return mailboxes.map(({ domain }) => domain);
    context.addIssue({ code: "custom", message: "must be domains separated by spaces" });
    return z.NEVER;
  })
  .prefault("");

/** The schema of one domain; the result is its ASCII form in lower case. */
const mailDomain = z.string().transform((text, context): string => {
  const mailbox = parseMailbox(`a@${text}`);
  if (mailbox !== null) return mailbox.domain.toLowerCase();
  context.addIssue({ code: "custom", message: "must be a domain such as bounces.example.org" });
  return z.NEVER;
});

/** The schema of names of topics in a list. */
const topics = z
  .string()
  .transform((text) => text.split(/\s+/).filter(Boolean))
  .refine(
    (names) => names.every((name) => /^arn:aws[\w-]*:sns:[\w-]+:\d{12}:[\w.-]+$/.test(name)),
    "must be topics such as arn:aws:sns:eu-west-1:123456789012:ses, separated by spaces",
  )
  .prefault("");

/** The schema of a public key of the curve P-256 in DER and base64. */
const sendGridKey = z.string().refine((text) => {
  try {
    const key = Buffer.from(text, "base64");
    return createPublicKey({ key, format: "der", type: "spki" }).asymmetricKeyType === "ec";
  } catch {
    return false;
  }
}, "must be the verification key that SendGrid shows, in base64");

const pem = z.string().regex(/^-----BEGIN [A-Z ]+-----/, "must be in PEM");

/** The schema of external ids in a list. */
const externalIds = z
  .string()
  .transform((text) => text.split(/\s+/).filter(Boolean))
  .refine((ids) => ids.length <= 100, "must name at most 100 recipients")
  .prefault("");

/** The schema of addresses in a list. */
const mailboxes = z
  .string()
  .transform((text) => text.split(/[\s,]+/).filter(Boolean))
  .refine(
    (addresses) => addresses.every((address) => parseMailbox(address) !== null),
    "must be addresses separated by spaces",
  )
  .prefault("");

/** The schema of host names in a list, in the form of a Host header without a port. */
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
      message: "must be host names separated by spaces",
    });
    return z.NEVER;
  })
  .prefault("");

/** Whether a text is an origin exactly as a browser sends it: in lower case, without a path and without a port that is the usual one. */
function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { origin, protocol, hostname } = new URL(text);
  const isSafe = protocol === "https:" || (protocol === "http:" && isLoopback(bare(hostname)));
  return text === origin && isSafe;
}

/** The host name of a URL, without the brackets of an IPv6 address. */
const bare = (name: string) => name.replace(/^\[|\]$/g, "");

/** The schema of origins in a list. */
const origins = z
  .string()
  .transform((text, context): string[] => {
    const given = text.split(/[\s,]+/).filter(Boolean);
    if (given.every(isOrigin)) return given;
    context.addIssue({
      code: "custom",
      message:
        "must be origins such as https://app.example.org, separated by spaces; http is accepted for loopback addresses only",
    });
    return z.NEVER;
  })
  .prefault("");

/** The schema of hosts of push services in a list. `*.` before a name stands for one or more labels. */
const serviceHosts = z
  .string()
  .transform((text, context): string[] => {
    const given = text.split(/[\s,]+/).filter(Boolean);
    const isHost = (name: string) =>
      name.includes(".") && hostName(name) === name && !/^[\d.]+$/.test(name);
    if (given.every((name) => isHost(name.replace(/^\*\./, "")))) return given;
    context.addIssue({
      code: "custom",
      message:
        "must be host names such as push.example.org or *.push.example.org, separated by spaces",
    });
    return z.NEVER;
  })
  .prefault("");

/** Ranges of addresses in CIDR notation, or single addresses. */
const subnets = z
  .string()
  .transform((text, context): Subnet[] => {
    const ranges = text
      .split(/[\s,]+/)
      .filter(Boolean)
      .map(parseSubnet);
    if (ranges.every((range) => range !== null)) return ranges;
    context.addIssue({
      code: "custom",
      message: "must be addresses or ranges such as 10.0.0.0/8 or fd00::/8, separated by spaces",
    });
    return z.NEVER;
  })
  .prefault("");

const ports = z
  .string()
  .transform((text, context): number[] => {
    const numbers = text.split(/[\s,]+/).filter(Boolean);
    const isPort = (number: string) => /^\d{1,5}$/.test(number) && Number(number) <= 65_535;
    if (numbers.every((number) => isPort(number) && Number(number) > 0)) return numbers.map(Number);
    context.addIssue({
      code: "custom",
      message: "must be ports from 1 to 65535, separated by spaces",
    });
    return z.NEVER;
  })
  .prefault("");

const publicUrl = webUrl
  .refine((url) => !/[?#]/.test(url), "must not contain a query or a fragment")
  .transform((url) => url.replace(/\/+$/, ""));

/** The schema of secrets, one on each line, the newest first. */
const secrets = (min: number, given: z.ZodString) =>
  given
    .transform((text) => text.split("\n").map((line) => line.trim()))
    .transform((lines) => lines.filter((line) => line !== ""))
    .refine((lines) => lines.length > 0 && lines.every((line) => line.length >= min), {
      error: ({ input }) =>
        `must have at least ${min} characters${(input as string[]).length > 1 ? " on each line" : ""}`,
    });

const sealingKeys = z
  .string()
  .transform((text, context): MasterKey[] => {
    const keys = parseMasterKeys(text);
    if (keys) return keys;
    context.addIssue({
      code: "custom",
      message: "must be keys such as k1:…, separated by commas: an id, and 32 bytes in base64",
    });
    return z.NEVER;
  })
  .prefault("");

/** The schema of private keys of the curve P-256, one on each line, the current one first. */
const vapidPrivateKeys = z
  .string()
  .transform((text) => text.split(/\s+/).filter(Boolean))
  .refine(
    (keys) => keys.every(isPrivateKey),
    "must have 32 bytes in base64url on each line: a private key of the curve P-256",
  );

function isPrivateKey(text: string): boolean {
  const bytes = Buffer.from(text, "base64url");
  if (bytes.length !== 32 || bytes.toString("base64url") !== text) return false;
  try {
    createECDH("prime256v1").setPrivateKey(bytes);
    return true;
  } catch {
    return false;
  }
}

/** The schema of the contact that push services are given. */
const vapidSubject = z
  .string()
  .refine(
    (text) =>
      text.startsWith("mailto:")
        ? parseMailbox(text.slice("mailto:".length)) !== null
        : URL.canParse(text) && new URL(text).protocol === "https:",
    "must be mailto:name@example.org or an https:// address",
  )
  .refine(
    (text) => !/[@/.]localhost(?:[:/]|$)/i.test(text),
    "must not be at localhost: Apple's push service answers 403 to such a contact",
  );

/** The schema of the issuer of an OpenID provider. */
const issuer = z
  .string()
  .refine(
    (text) => URL.canParse(text) && isOrigin(new URL(text).origin) && !/[?#@]/.test(text),
    "must be an address such as https://login.example.org; http is accepted for loopback addresses only",
  );

/** The schema of the roles of groups in a list. */
const groupRoles = z.string().transform((text, context) => {
  const pairs = text
    .split(",")
    .map((pair) => pair.trim())
    .filter(Boolean)
    .map((pair) => {
      const at = pair.lastIndexOf("=");
      const role = operatorRoles.find((one) => one === pair.slice(at + 1).trim());
      const group = pair.slice(0, at).trim();
      return at > 0 && group !== "" && role ? { group, role } : null;
    });
  if (pairs.length > 0 && pairs.every((pair) => pair !== null)) return pairs;
  context.addIssue({
    code: "custom",
    message: `must be groups with roles such as ops=admin, separated by commas; the roles are ${operatorRoles.join(", ")}`,
  });
  return z.NEVER;
});

const consoleColors = ["grey", "blue", "green", "amber", "red", "violet"] as const;

/** The schema of the variables that enable OpenTelemetry. */
const collector = z
  .url({ protocol: /^https?$/, error: "must be http://host:port of an OTLP collector" })
  .optional();

/**
 * Every variable that Tidings reads, with the description that docs/configuration.md shows. Temporal's variables (`TEMPORAL_*`) are read by
 * `@temporalio/envconfig`.
 */
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
    "Host names, separated by spaces, that the `Host` header of a request may contain. If `API_HOST` is a loopback address, the names of the loopback and the host of `PUBLIC_URL` are also accepted, and all other names are refused. Otherwise every name is accepted unless this is set, except by the [console](console.md) and its sessions, which always need one of these names.",
  ),
  CORS_ORIGINS: origins.describe(
    "Origins, separated by spaces, whose pages may use the routes for recipients with a recipient's token: `https://app.example.org`. Each is compared exactly. Without it, browsers refuse the answers to pages of other origins.",
  ),
  CONSOLE_ENVIRONMENT: nameText(40)
    .optional()
    .describe(
      "Name of this installation, such as `production`, which the [console](console.md) shows on every page.",
    ),
  CONSOLE_COLOR: z
    .enum(consoleColors, `must be ${consoleColors.join(", ")}`)
    .default("grey")
    .describe("Colour in which the console shows the name of this installation."),
  CONSOLE_TEMPORAL_URL: webUrl
    .optional()
    .describe(
      "Address at which operators reach Temporal's web interface, for links of the console. `npm start` uses that of its own server.",
    ),
  OIDC_ISSUER: issuer
    .optional()
    .describe(
      "OpenID provider through which people [sign in to the console](console.md#sign-in-through-an-openid-provider): its issuer, as `https://login.example.org/realms/staff`. Without it, people sign in with API keys. The rules for [outgoing requests](#outgoing-requests) apply to it.",
    ),
  OIDC_CLIENT_ID: z.string().min(1).optional().describe("The client's id at the OpenID provider."),
  OIDC_CLIENT_SECRET: z
    .string()
    .min(1)
    .optional()
    .describe("The client's secret at the OpenID provider, which is sent as HTTP Basic."),
  OIDC_SCOPES: z
    .string()
    .regex(/^openid( [\w:./-]+)*$/, "must be scopes separated by spaces, with openid first")
    .default("openid profile")
    .describe("Scopes that the OpenID provider is asked for, separated by spaces."),
  OIDC_GROUPS_CLAIM: z
    .string()
    .min(1)
    .default("groups")
    .describe("Claim of the ID token with the groups of a person: a list of texts, or one text."),
  OIDC_ROLES: groupRoles
    .optional()
    .describe(
      "Roles of the groups of the OpenID provider, separated by commas: `ops=admin, marketing=sender, *=viewer`. `*` is everybody. A person has the most powerful role of their groups, and cannot sign in without one.",
    ),
  API_TRUSTED_PROXIES: wholeNumber(0, 10, 0).describe(
    "Number of proxies in front of the API that add to `X-Forwarded-For`. The audit trail records the client address that the first of them saw.",
  ),
  API_REQUESTS_PER_MINUTE: wholeNumber(1, 100_000_000, 60_000).describe(
    "Requests per minute that one API process accepts from one API key. A key may have its own limit.",
  ),
  MAX_UNSENT: wholeNumber(1, 100_000_000, 10_000).describe(
    "Largest number of deliveries of notifications that are due and unsent at once, including those that wait for a limit or another attempt. Further requests are answered with 429. One API key may use four fifths of what the other keys leave, and critical deliveries get a tenth more. The limit is exact with one API process.",
  ),
  MAX_SCHEDULED: wholeNumber(1, 100_000_000, 1_000_000).describe(
    "Largest number of deliveries of notifications that wait for a later time at once: scheduled, snoozed, or held because of their recipient's preferences. Each API key has the same share of it as of `MAX_UNSENT`.",
  ),
  MAX_UNSENT_PER_RECIPIENT: wholeNumber(1, 1_000_000, 100).describe(
    "Largest number of due and unsent deliveries for each recipient, and of scheduled deliveries for each recipient.",
  ),
  TIDINGS_API_KEY: z
    .string("must be a secret of at least 24 characters, which callers send as a bearer token")
    .min(24, "must have at least 24 characters")
    .describe(
      "The first API key, a secret of at least 24 characters with the role `admin`, which can create the other keys. `npm start` generates one and stores it in `.tidings/api-key`.",
    ),
  TOKEN_SECRET: secrets(
    32,
    z.string("must be a secret of at least 32 characters, which signs the links in messages"),
  ).describe(
    "Secrets of at least 32 characters, one on each line, for recipients' tokens and the links in messages. The first one signs; signatures of all of them are accepted, so that a secret can be [rotated](runbook.md). `npm start` generates one and stores it in `.tidings/token-secret`.",
  ),
  SEALING_KEYS: sealingKeys.describe(
    "Keys that protect secrets and device addresses in the database, separated by commas or on lines of their own: `k2:…,k1:…`, each an id and 32 bytes in base64. The first one encrypts the data keys; the others are needed until the data keys that they encrypted are [encrypted again](runbook.md#sealing-keys). Keep a copy apart from the backups: without these keys, what they protect is lost. Without any, push subscriptions and other secrets cannot be stored, and messages on other channels are sent as always. `npm start` generates one and stores it in `.tidings/sealing-keys`.",
  ),
  /** The URL without a trailing slash. */
  PUBLIC_URL: publicUrl
    .prefault("http://127.0.0.1:8080")
    .describe(
      "Address at which recipients reach the API. Links in messages begin with it. `npm start` uses the API's own address.",
    ),
  /** The URL without a trailing slash; undefined for that of PUBLIC_URL. */
  TRACKING_URL: publicUrl
    .optional()
    .describe(
      "Address of the API at which it becomes known which emails were opened and which links were followed ([tracking](tracking.md)). A host of its own keeps these addresses apart from the others: nothing else is served under it. Without it, `PUBLIC_URL` is used.",
    ),
  PAGES_NAME: nameText(100)
    .optional()
    .describe(
      "Name of the organisation on the [pages for recipients](preference-centre.md). Without it, the name in `MAIL_FROM`.",
    ),
  PAGES_COLOR: pageColor
    .default("#1d4ed8")
    .describe(
      "Colour of the header and the buttons of the pages for recipients, such as `#1d4ed8`. White text on it must have a contrast of 4.5 to 1.",
    ),
  PAGES_LOGO: pagePicture
    .optional()
    .describe(
      "File of the logo on the pages for recipients: a PNG, JPEG or SVG of at most 200 KiB that can be seen on `PAGES_COLOR`. Without it, the pages show the name.",
    ),
  PAGES_IMPRINT: text(1_000)
    .optional()
    .describe(
      "Text at the end of the pages for recipients that says who is responsible for the messages, in lines: name and postal address.",
    ),
  PAGES_IMPRINT_URL: webUrl
    .optional()
    .describe("Address of a page with the full imprint, to which the pages for recipients link."),
  EVENTS_URL: webUrl
    .optional()
    .describe(
      "An `https://` or `http://` address to which recipients' actions are POSTed. Without it, events are only stored and listed. The rules for [outgoing requests](#outgoing-requests) apply to it too.",
    ),
  EVENTS_SECRET: secrets(24, z.string())
    .refine((lines) => lines.every(isSigningSecret), "must have base64 behind whsec_")
    .optional()
    .describe(
      "Secrets of at least 24 characters, one on each line, each of which signs what is POSTed to `EVENTS_URL`. One is required with `EVENTS_URL`. For Standard Webhooks the key is the base64 behind `whsec_`, or otherwise the text of the secret.",
    ),
  HTTP_ALLOW_PRIVATE: subnets.describe(
    "Ranges of addresses that are not public, in CIDR notation and separated by spaces, to which Tidings may send [outgoing requests](#outgoing-requests), with `http` or `https`: `10.20.0.0/16 fd00:1::/64`. Link-local addresses and those that serve a cloud machine's metadata remain refused.",
  ),
  HTTP_ALLOW_PORTS: ports.describe(
    "Ports, separated by spaces, to which Tidings may send [outgoing requests](#outgoing-requests), besides 443 and 80.",
  ),
  HTTP_ALLOW_PLAIN: z
    .enum(["true", "false"], "must be true or false")
    .default("false")
    .describe(
      "Whether [outgoing requests](#outgoing-requests) to public addresses may use `http`, which everyone on the way can read.",
    ),
  VAPID_PUBLIC_KEY: publicKey
    .optional()
    .describe(
      "Public key with which browsers subscribe to push notifications (VAPID, RFC 8292): an uncompressed point on the curve P-256 in base64url.",
    ),
  VAPID_PRIVATE_KEY: vapidPrivateKeys
    .optional()
    .describe(
      "Private keys that sign requests to push services (VAPID, RFC 8292), one on each line: 32 bytes in base64url. The first one belongs to `VAPID_PUBLIC_KEY`; the others are for devices that subscribed with an earlier key. Without a key, a worker sends no push notifications. `npm start` generates one and stores it in `.tidings/vapid-private-key`.",
    ),
  VAPID_SUBJECT: vapidSubject
    .optional()
    .describe(
      "Contact of the operator for push services: `mailto:ops@example.org` or an `https://` address. Required with `VAPID_PRIVATE_KEY`. Names at `localhost` are refused, since Apple's push service answers 403 to them.",
    ),
  PUSH_SERVICES: serviceHosts.describe(
    "Hosts of push services, separated by spaces, at which devices may be registered besides those of the known browsers (Google, Mozilla, Apple, Microsoft). `*.push.example.org` stands for every host below `push.example.org`.",
  ),
  SMTP_URL: smtpServers
    .optional()
    .describe(
      "SMTP servers, separated by spaces and tried in order: `smtp://user:password@host:port?name=…&connections=10&perDay=50000`, or `smtps://` for TLS from the first byte ([options](providers/smtp.md#options)). This is the short form of entries of the kind `smtp` in `PROVIDERS`. A worker requires one of the two. With `npm start`, messages go to these servers and no mailbox is started.",
    ),
  PROVIDERS: providerList
    .optional()
    .describe(
      'The [providers](providers/README.md) in JSON, in order of preference, with their connections, rates and quotas: `[{"kind": "smtp", "name": "main", "url": "smtp://mail.example.org", "perSecond": 14}]`. `PROVIDERS_FILE` names a file with the list.',
    ),
  MAIL_FROM: mailFrom.describe(
    "The default sender. Its domain is also the domain of every Message-ID.",
  ),
  DKIM_KEYS: dkimKeys.describe(
    "Keys that sign mail with [DKIM](deliverability.md#dkim), separated by white space: each is the name of its DNS record and the file of its private key, such as `s1._domainkey.example.org=/run/secrets/dkim.pem`. Without keys, mail leaves unsigned, and a relay may sign it.",
  ),
  BOUNCE_DOMAIN: mailDomain
    .optional()
    .describe(
      "Domain to which undeliverable messages are returned, such as `bounces.example.org`. Its MX record names the host of `npm run inbound` ([bounces](deliverability.md#bounces-and-complaints)). Without it, they are returned to the address of `MAIL_FROM`, which Tidings does not read. All processes need the same value.",
    ),
  INBOUND_HOST: z
    .string()
    .min(1)
    .default("127.0.0.1")
    .describe("Address on which `npm run inbound` listens for returned messages."),
  INBOUND_PORT: wholeNumber(0, 65_535, 2525).describe(
    "Port on which `npm run inbound` listens for returned messages. Other mail servers deliver to port 25: forward it to this one.",
  ),
  INBOUND_HTTP_PORT: wholeNumber(0, 65_535, 0).describe(
    "Port on `INBOUND_HOST` on which `npm run inbound` listens for health checks and Prometheus; 0 means that it does not listen.",
  ),
  INBOUND_TLS_CERT: pem
    .optional()
    .describe(
      "Certificate, with its chain, in PEM, with which `npm run inbound` offers STARTTLS. `INBOUND_TLS_CERT_FILE` names its file. Without it, returned messages arrive unencrypted.",
    ),
  INBOUND_TLS_KEY: pem
    .optional()
    .describe("Private key of `INBOUND_TLS_CERT` in PEM. Required with it."),
  SES_TOPICS: topics.describe(
    "Amazon SNS topics, separated by spaces, to which SES publishes bounces, complaints and deliveries. Their subscriptions to `POST /v1/inbound/ses` are confirmed, and those of no others ([webhooks](deliverability.md#webhooks-of-providers)).",
  ),
  SENDGRID_WEBHOOK_KEY: sendGridKey
    .optional()
    .describe("Verification key of SendGrid's signed event webhook, as SendGrid shows it."),
  MAILGUN_SIGNING_KEY: secrets(16, z.string())
    .optional()
    .describe("HTTP webhook signing keys of Mailgun, one on each line."),
  POSTMARK_WEBHOOK_SECRET: secrets(16, z.string())
    .optional()
    .describe(
      "Passwords of at least 16 characters, one on each line, that Postmark sends as HTTP Basic with its webhooks.",
    ),
  ALERT_RECIPIENTS: externalIds.describe(
    "External ids of the recipients who get [alerts](alerts.md), separated by spaces. Tidings notifies them as it notifies everybody: by the channels that they have addresses for.",
  ),
  ALERT_EMAILS: mailboxes.describe(
    "Addresses, separated by spaces, to which a worker mails directly that the database does not answer or accepts no writes, because nothing can be sent through the ledger then.",
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
  REPORT_ZONE: timeZone
    .default("UTC")
    .describe(
      "IANA time zone whose days [reports](analytics.md) of long times are fastest in, beside UTC. After a change, the days of the last two years are counted again, from quarter hours where these are kept and otherwise from hours. Give all workers the same one.",
    ),
  RETENTION_DELIVERIES_DAYS: wholeNumber(1, 36_500, 90).describe(
    "Days for which ended deliveries, their attempts and notifications are kept. A campaign keeps the counts of removed deliveries.",
  ),
  RETENTION_AUDIT_DAYS: wholeNumber(1, 36_500, 365).describe(
    "Days for which the audit trail is kept.",
  ),
  RETENTION_IDEMPOTENCY_DAYS: wholeNumber(1, 3_650, 3).describe(
    "Days for which a repeated `Idempotency-Key` returns the first answer.",
  ),
  INBOX_DAYS: wholeNumber(1, 36_500, 90).describe(
    "Days for which items of recipients' inboxes are kept, from their arrival.",
  ),
  INBOX_STREAMS: wholeNumber(1, 100_000, 2_000).describe(
    "Largest number of open streams of inboxes in each API process. A stream is a connection, and no more than three quarters of `API_MAX_CONNECTIONS` are streams.",
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
    "The collector's complete address for traces, instead of `OTEL_EXPORTER_OTLP_ENDPOINT`.",
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

interface RawValue {
  /** Undefined where the variable is not set or empty. */
  value?: string | undefined;
  fault?: string;
}

function readRaw(name: Variable, source: NodeJS.ProcessEnv): RawValue {
  const file = source[`${name}_FILE`];
  if (!file) return { value: source[name] || undefined };
  if (source[name]) return { fault: `${name} and ${name}_FILE are both set: keep one` };
  try {
    return { value: readFileSync(file, "utf8").trim() || undefined };
  } catch {
    return { fault: `${name}_FILE names a file that cannot be read: ${file}` };
  }
}

const isMissing = ({ value, fault }: RawValue) => value === undefined && fault === undefined;

/** Variables that require another one. */
const companions: Partial<Record<Variable, Variable>> = {
  EVENTS_URL: "EVENTS_SECRET",
  VAPID_PRIVATE_KEY: "VAPID_SUBJECT",
  OIDC_ISSUER: "OIDC_CLIENT_ID",
  OIDC_CLIENT_ID: "OIDC_CLIENT_SECRET",
  OIDC_CLIENT_SECRET: "OIDC_ROLES",
  INBOUND_TLS_CERT: "INBOUND_TLS_KEY",
  INBOUND_TLS_KEY: "INBOUND_TLS_CERT",
};

/**
 * Reads the named variables, or throws a `ConfigurationError` with all faults. `NAME_FILE` names a file that contains the value, for mounted
 * secrets. An empty value counts as not set. The error never contains values.
 */
export function readEnvironment<Names extends Variable>(
  names: readonly Names[],
  source: NodeJS.ProcessEnv,
): Environment<Names> {
  const faults: string[] = [];
  const values: Record<string, unknown> = {};
  for (const name of names) {
    const { value, fault } = readRaw(name, source);
    if (fault !== undefined) {
      faults.push(fault);
      continue;
    }
    const companion = companions[name];
    if (value !== undefined && companion && isMissing(readRaw(companion, source)))
      faults.push(`${companion} is not set: ${name} requires it`);
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

/** The variables that an API process reads. */
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
  "CORS_ORIGINS",
  "INBOX_STREAMS",
  "CONSOLE_ENVIRONMENT",
  "CONSOLE_COLOR",
  "CONSOLE_TEMPORAL_URL",
  "OIDC_ISSUER",
  "OIDC_CLIENT_ID",
  "OIDC_CLIENT_SECRET",
  "OIDC_SCOPES",
  "OIDC_GROUPS_CLAIM",
  "OIDC_ROLES",
  "API_TRUSTED_PROXIES",
  "API_REQUESTS_PER_MINUTE",
  "MAX_UNSENT",
  "MAX_SCHEDULED",
  "MAX_UNSENT_PER_RECIPIENT",
  "TIDINGS_API_KEY",
  "TOKEN_SECRET",
  "SEALING_KEYS",
  "PUBLIC_URL",
  "TRACKING_URL",
  "PAGES_NAME",
  "PAGES_COLOR",
  "PAGES_LOGO",
  "PAGES_IMPRINT",
  "PAGES_IMPRINT_URL",
  "VAPID_PUBLIC_KEY",
  "PUSH_SERVICES",
  "HTTP_ALLOW_PRIVATE",
  "HTTP_ALLOW_PORTS",
  "HTTP_ALLOW_PLAIN",
  "MAIL_FROM",
  "MAIL_FROM_DOMAINS",
  "BOUNCE_DOMAIN",
  "SES_TOPICS",
  "SENDGRID_WEBHOOK_KEY",
  "MAILGUN_SIGNING_KEY",
  "POSTMARK_WEBHOOK_SECRET",
  "ALERT_RECIPIENTS",
  "TZDIR",
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
  "OTEL_SERVICE_NAME",
] as const;

/** The variables that a worker reads. */
export const workerVariables = [
  "DATABASE_URL",
  "DATABASE_CONNECTIONS",
  "LOG_LEVEL",
  "MAILBOX_SHARDS",
  "TOKEN_SECRET",
  "SEALING_KEYS",
  "PUBLIC_URL",
  "TRACKING_URL",
  "EVENTS_URL",
  "EVENTS_SECRET",
  "HTTP_ALLOW_PRIVATE",
  "HTTP_ALLOW_PORTS",
  "HTTP_ALLOW_PLAIN",
  "VAPID_PUBLIC_KEY",
  "VAPID_PRIVATE_KEY",
  "VAPID_SUBJECT",
  "SMTP_URL",
  "PROVIDERS",
  "MAIL_FROM",
  "DKIM_KEYS",
  "BOUNCE_DOMAIN",
  "ALERT_EMAILS",
  "SEND_DEADLINE_MS",
  "ANSWER_DEADLINE_MS",
  "RETRY_BASE_MS",
  "RETRY_CAP_MS",
  "RETRY_ATTEMPTS",
  "WORKER_HOST",
  "WORKER_PORT",
  "REPORT_ZONE",
  "RETENTION_DELIVERIES_DAYS",
  "RETENTION_AUDIT_DAYS",
  "RETENTION_IDEMPOTENCY_DAYS",
  "INBOX_DAYS",
  "TZDIR",
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
  "OTEL_SERVICE_NAME",
] as const;

/** The variables that the process reads that receives returned messages. */
export const inboundVariables = [
  "DATABASE_URL",
  "DATABASE_CONNECTIONS",
  "LOG_LEVEL",
  "MAILBOX_SHARDS",
  "TOKEN_SECRET",
  "BOUNCE_DOMAIN",
  "INBOUND_HOST",
  "INBOUND_PORT",
  "INBOUND_HTTP_PORT",
  "INBOUND_TLS_CERT",
  "INBOUND_TLS_KEY",
] as const;

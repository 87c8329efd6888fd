import { readFileSync } from "node:fs";
import type { Options } from "nodemailer/lib/smtp-connection";
import { z } from "zod";
import { eventsProvider, type GateLimits } from "../domain/delivery/gates.ts";
import type { DomainLimits } from "../domain/delivery/domain-limits.ts";
import { providerName } from "../domain/provider-name.ts";
import { domainLimits } from "./domain-limits.ts";
import { limitOptions, readLimits } from "./provider-limits.ts";

/** An SMTP server to which emails are handed over. */
export interface SmtpProvider {
  kind: "smtp";
  /** The name that the ledger's attempts contain; it has no credentials and no address. */
  name: string;
  host: string;
  port: number;
  /** Whether TLS begins with the first byte (`smtps:`); otherwise STARTTLS is used where the server offers it. */
  secure: boolean;
  /** With `tls` set to `required`, or with a password: the connection fails where the server does not offer TLS. */
  requireTls: boolean;
  /** False with `tls` set to `unverified`: a certificate that cannot be verified is accepted. */
  verifyTls: boolean;
  auth: { user: string; pass: string } | null;
  /** The number of connections that a worker opens to the server for ordinary traffic. */
  connections: number;
  /** The maximum of messages over one connection; null means no maximum. */
  messages: number | null;
  /** The configured limits; null if there are none. */
  limits: GateLimits | null;
  /** The limits by receiving domain. */
  domains: readonly DomainLimits[];
}

const whole = (max: number) => {
  const fault = `must be a whole number from 1 to ${max}`;
  return z.int(fault).min(1, fault).max(max, fault);
};

const urlHelp =
  "must be smtp://[user[:password]@]host[:port], or smtps:// for TLS from the first byte";

/** The options of an SMTP server besides its URL. */
export const smtpOptions = {
  name: providerName.refine((name) => name !== eventsProvider, {
    error: `must not be ${eventsProvider}, which is the receiver of events`,
  }),
  passwordFile: z.string("must be the path of a file").min(1).optional(),
  connections: whole(50).default(10),
  messages: whole(100_000).nullable().default(null),
  tls: z
    .enum(["offered", "required", "unverified"], "must be offered, required or unverified")
    .optional(),
  ...limitOptions,
  domains: domainLimits,
};

/** The schema of an entry of the kind `smtp`. Issues never contain values of the entry. */
export const smtpEntry = z
  .strictObject({ kind: z.literal("smtp"), url: z.string(urlHelp), ...smtpOptions })
  .transform((entry, context): SmtpProvider => {
    const { kind, name, connections, messages, domains, tls = "offered" } = entry;
    const url = readUrl(entry.url, context);
    const auth = url && readCredentials(url, entry.passwordFile, context);
    const limits = readLimits(entry, context);
    if (!url || auth === undefined) return z.NEVER;
    const secure = url.protocol === "smtps:";
    if (auth && !secure && entry.tls === "offered")
      context.addIssue({
        code: "custom",
        path: ["tls"],
        message: "would send a password without TLS: remove it, or set it to required",
      });
    return {
      kind,
      name,
      host: url.hostname.replace(/^\[|\]$/g, ""),
      port: url.port ? Number(url.port) : secure ? 465 : 587,
      secure,
      requireTls: tls === "required" || auth !== null,
      verifyTls: tls !== "unverified",
      auth,
      connections,
      messages,
      limits,
      domains,
    };
  });

/** Reads the URL of a server. Returns null, with an issue, where it is not one. */
function readUrl(text: string, context: z.RefinementCtx): URL | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isServer =
    url !== null &&
    ["smtp:", "smtps:"].includes(url.protocol) &&
    url.hostname !== "" &&
    ["", "/"].includes(url.pathname) &&
    url.hash === "";
  if (isServer && url.search === "") return url;
  const message = isServer ? "must have no query: its options are fields of the entry" : urlHelp;
  context.addIssue({ code: "custom", path: ["url"], message });
  return null;
}

/** Reads the credentials of a server; null where there are none. Returns undefined, with an issue, where they are faulty. */
function readCredentials(
  { username, password }: URL,
  passwordFile: string | undefined,
  context: z.RefinementCtx,
): SmtpProvider["auth"] | undefined {
  const fail = (field: string, message: string) => {
    context.addIssue({ code: "custom", path: [field], message });
    return undefined;
  };
  let [user, pass] = ["", ""];
  try {
    [user, pass] = [decodeURIComponent(username), decodeURIComponent(password)];
  } catch {
    return fail("url", "must have a user and a password that are percent-encoded");
  }
  if (passwordFile === undefined) return user === "" ? null : { user, pass };
  if (user === "") return fail("passwordFile", "requires a user in the URL");
  if (pass !== "") return fail("passwordFile", "and the URL both have a password: keep one");
  try {
    pass = readFileSync(passwordFile, "utf8").trim();
  } catch {
    return fail("passwordFile", `names a file that cannot be read: ${passwordFile}`);
  }
  return pass === "" ? fail("passwordFile", "names a file that is empty") : { user, pass };
}

/**
 * The options with which nodemailer connects to a server; no step of the connection takes longer than `stepTimeoutMs`. With a password, TLS is
 * always required: otherwise an attacker on the network could remove the server's offer of TLS and read the password.
 */
export function smtpConnectionOptions(
  { host, port, secure, requireTls, verifyTls, auth }: SmtpProvider,
  stepTimeoutMs: number,
): Options {
  return {
    host,
    port,
    secure,
    requireTLS: (requireTls || auth !== null) && !secure,
    tls: { rejectUnauthorized: verifyTls },
    connectionTimeout: stepTimeoutMs,
    greetingTimeout: stepTimeoutMs,
    dnsTimeout: stepTimeoutMs,
    socketTimeout: stepTimeoutMs,
  };
}

import type { Options } from "nodemailer/lib/smtp-connection";
import { z } from "zod";
import { eventsProvider } from "../domain/delivery/gates.ts";
import { providerName } from "../domain/provider-name.ts";

/** One SMTP server of `SMTP_URL`, in order of preference. */
export interface SmtpProvider {
  /** The name that the ledger's attempts contain; it has no credentials and no address. */
  name: string;
  host: string;
  port: number;
  /** Whether TLS begins with the first byte (`smtps:`); otherwise STARTTLS is used where the server offers it. */
  secure: boolean;
  /** With `?tls=required` or a password: the connection fails where the server does not offer TLS. */
  requireTls: boolean;
  /** False with `?tls=unverified`: a certificate that cannot be verified is accepted. */
  verifyTls: boolean;
  auth: { user: string; pass: string } | null;
  /** The number of connections that a worker opens to the server for ordinary traffic. */
  connections: number;
  /** The maximum of messages over one connection; null means no maximum. */
  messages: number | null;
}

const smtpUrlHelp =
  "must be smtp://[user:password@]host[:port][?name=…&connections=1-50&messages=1-100000&tls=required|unverified], several separated by spaces";

/** The schema of `SMTP_URL`. */
export const smtpProviders = z.string().transform((text, context): SmtpProvider[] => {
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
        message: `${smtpUrlHelp}; names must be unique, and not ${eventsProvider}`,
      });
      return z.NEVER;
    }
    const secure = url.protocol === "smtps:";
    const hasPassword = auth.user !== "";
    if (hasPassword && !secure && url.searchParams.get("tls") === "offered") {
      context.addIssue({
        code: "custom",
        message: "would send a password without TLS: remove tls=offered, or set tls=required",
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

/** The decoded credentials of a URL; null where their percent-encoding is malformed. */
function credentials({ username, password }: URL): { user: string; pass: string } | null {
  try {
    return { user: decodeURIComponent(username), pass: decodeURIComponent(password) };
  } catch {
    return null;
  }
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

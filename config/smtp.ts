import type { Options } from "nodemailer/lib/smtp-connection";
import type { SmtpProvider } from "./environment.ts";

/** How nodemailer connects to a server, whoever has it do so; no step of it takes longer than `stepTimeoutMs`. */
export function smtpConnectionOptions(
  { host, port, secure, requireTls, verifyTls }: SmtpProvider,
  stepTimeoutMs: number,
): Options {
  return {
    host,
    port,
    secure,
    requireTLS: requireTls && !secure,
    tls: { rejectUnauthorized: verifyTls },
    connectionTimeout: stepTimeoutMs,
    greetingTimeout: stepTimeoutMs,
    dnsTimeout: stepTimeoutMs,
    socketTimeout: stepTimeoutMs,
  };
}

import type { Options } from "nodemailer/lib/smtp-connection";
import type { SmtpProvider } from "./environment.ts";

/**
 * How nodemailer connects to a server, whoever has it do so; no step of it takes longer than `stepTimeoutMs`. Where there is a password,
 * TLS is required whatever else is said: somebody on the way could take the offer of it out, and read the password.
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

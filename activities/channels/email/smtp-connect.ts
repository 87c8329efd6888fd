import type { Socket } from "node:net";
import SMTPConnection from "nodemailer/lib/smtp-connection";
import type { SmtpProvider } from "../../../config/smtp.ts";
import { smtpConnectionOptions } from "../../../config/smtp.ts";
import { smtpRetryAfterMs } from "../../../domain/delivery/retry-after.ts";
import type { Loss } from "./smtp-job.ts";

/** A socket on which the server waits for MAIL, and which has no other reader. */
export interface Connection {
  socket: Socket;
  pipelining: boolean;
  smtpUtf8: boolean;
  /** Whether the server can be told what to report of undeliverable messages (RFC 3461). */
  dsn: boolean;
}

/** Of about eight steps, a server may take the whole time for this many: more would keep mails waiting. */
const longSteps = 4;

/**
 * Connects, greets, upgrades to TLS and signs in by means of nodemailer, with a deadline for each step. Rejects with a
 * `ConnectError`. In it, `smtp_4xx` means that the server asks for a rest, and `auth` also covers a server that offers no
 * authentication although credentials are configured.
 */
export function openConnection(provider: SmtpProvider, stepMs: number): Promise<Connection> {
  const { auth } = provider;
  const connection = new SMTPConnection(smtpConnectionOptions(provider, stepMs));
  return new Promise((resolve, reject) => {
    const fail = (loss: Loss) => {
      clearTimeout(timer);
      reject(new ConnectError({ ...loss, message: withoutCredentials(loss.message, provider) }));
      // Close after the rejection, since closing emits further events.
      connection.close();
    };
    const failWith = ({ code, message, response = "" }: ConnectionError) => {
      if (smtpRetryAfterMs(response) !== null)
        return fail({ failure: "smtp_4xx", message: response });
      fail({
        failure: code === "EAUTH" ? "auth" : code === "ETIMEDOUT" ? "timeout" : "connection",
        message,
        tooMany: namesConnectionLimit.test(response),
      });
    };
    const deadlineMs = longSteps * stepMs;
    const timer = setTimeout(
      () => fail({ failure: "timeout", message: `no connection within ${deadlineMs} ms` }),
      deadlineMs,
    );

    // The listener stays for the life of the socket, since nodemailer also emits later errors.
    connection.on("error", failWith);
    connection.once("end", () =>
      fail({ failure: "connection", message: "the server closed the connection" }),
    );
    connection.connect((error) => {
      if (error) return failWith(error);
      const greeting = connection.lastServerResponse || "";
      const supports = (keyword: string) =>
        new RegExp(`^250[ -]${keyword}\\b`, "im").test(greeting);
      const takeOver = () => {
        const socket = connection._socket;
        if (!socket)
          return fail({ failure: "connection", message: "the server closed the connection" });
        clearTimeout(timer);
        socket.removeAllListeners("data");
        socket.setTimeout(0);
        resolve({
          socket,
          pipelining: supports("PIPELINING"),
          smtpUtf8: supports("SMTPUTF8"),
          dsn: supports("DSN"),
        });
      };
      if (!auth) return takeOver();
      if (!connection.allowsAuth)
        return fail({ failure: "auth", message: "the server offers no authentication" });
      connection.login({ ...auth }, (refused) => (refused ? failWith(refused) : takeOver()));
    });
  });
}

/** Matches a reply that refuses one more connection because there are too many from this client. */
const namesConnectionLimit =
  /^4\d\d\b.*\b(?:too many|max(?:imum)?|limit|exceed\w*|concurren\w*|simultaneous)\b/is;

/** An error of nodemailer. `response` is the server's reply. */
type ConnectionError = Error & { code?: string | undefined; response?: string | undefined };

export class ConnectError extends Error {
  override name = "ConnectError";
  readonly loss: Loss;
  constructor(loss: Loss) {
    super(loss.message);
    this.loss = loss;
  }
}

/** Replaces credentials in a text of the server, which may repeat what it was sent. */
export function withoutCredentials(text: string, { auth }: SmtpProvider): string {
  if (!auth) return text;
  const { user, pass } = auth;
  const base64 = (value: string) => Buffer.from(value).toString("base64");
  const secrets = [base64(`\0${user}\0${pass}`), base64(pass), base64(user), pass, user];
  // Replacing a secret of one or two letters would garble the text, and would hide nothing.
  return secrets.reduce(
    (result, secret) => (secret.length < 3 ? result : result.replaceAll(secret, "***")),
    text,
  );
}

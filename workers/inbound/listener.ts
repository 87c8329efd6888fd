import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type { Readable } from "node:stream";
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from "smtp-server";
import { describeError } from "../../config/describe-error.ts";
import type { Logger } from "../../config/logger.ts";
import type { ReturnAddresses } from "../../domain/return-addresses.ts";
import { StillSending } from "../../ledger/inbound-reports.ts";
import { isDataFault } from "../../ledger/sql.ts";
import { createLimiter } from "../../lib/concurrency-limit.ts";
import { createFeedbackLimit } from "./feedback-limit.ts";
import type { InboundMetrics, RefusalReason } from "./metrics.ts";
import { type Recipient, UnusableMail } from "./receive.ts";

export interface ListenerOptions {
  host: string;
  port: number;
  /** The domain of the return addresses. */
  domain: string;
  addresses: Pick<ReturnAddresses, "read">;
  /** Resolves once what a mail says is committed. */
  receive: (
    recipients: readonly Recipient[],
    raw: Uint8Array,
    from: { isFromNobody: boolean },
  ) => Promise<string[]>;
  /** The certificate for STARTTLS; left out where it is not offered. */
  tls?: { cert: string; key: string };
  metrics: Pick<InboundMetrics, "mails" | "reports" | "refusals" | "watchConnections">;
  /** Whether a mail to the address of complaints is taken from a client. */
  allowsFeedback?: (clientAddress: string) => boolean;
  logger: Pick<Logger, "info" | "warn">;
}

/** Bounces contain the message, or its headers, and no attachments. */
const mailBytes = 1_048_576;
const maxRecipients = 10;
const maxConnections = 50;
const maxConnectionsOfHost = 10;
const idleMs = 60_000;
/** A client that sends slowly has no more time than this. */
const connectionMs = 600_000;
const closeMs = 5_000;
/** Mails that are recorded at once. */
const maxRecording = 8;
/** The address of complaints at mailbox providers, which do not send them to the address of a message. */
const feedbackName = "feedback";

/** An answer over SMTP. */
class Refusal extends Error {
  readonly responseCode: number;
  readonly reason: RefusalReason;
  constructor(responseCode: number, reason: RefusalReason, message: string) {
    super(message);
    this.responseCode = responseCode;
    this.reason = reason;
  }
}

const later = (reason: "still_sending" | "failed") =>
  new Refusal(451, reason, "4.3.0 Try again later");

/**
 * Starts the SMTP server for returned mail. It takes mail to return addresses of our messages only, and answers 250 once what a mail says is committed:
 * until then its sender keeps it.
 */
export async function startListener({
  host,
  port,
  domain,
  addresses,
  receive,
  tls,
  metrics,
  allowsFeedback = createFeedbackLimit(),
  logger,
}: ListenerOptions): Promise<{ port: number; close(): Promise<void> }> {
  const inTurn = createLimiter(maxRecording);
  const countOfHost = new Map<string, number>();
  const timers = new Map<string, NodeJS.Timeout>();

  /** Counts a refusal, and returns it. */
  const refuse = (refusal: Refusal): Refusal => {
    metrics.refusals.inc({ reason: refusal.reason });
    return refusal;
  };

  const recognise = (address: string): Recipient | null =>
    address.toLowerCase() === `${feedbackName}@${domain}` ? "feedback" : addresses.read(address);

  async function take(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<void> {
    const raw = await readWhole(stream);
    if (raw === null) throw new Refusal(552, "too_large", "5.3.4 The message is too large");
    const { mailFrom, rcptTo } = session.envelope;
    const recipients = rcptTo.flatMap(({ address }) => recognise(address) ?? []);
    const isFromNobody = !mailFrom || mailFrom.address === "";
    try {
      const outcomes = await inTurn(() => receive(recipients, raw, { isFromNobody }));
      for (const outcome of outcomes) metrics.reports.inc({ outcome });
      logger.info({ outcomes }, "a returned mail was recorded");
    } catch (error) {
      if (error instanceof UnusableMail)
        throw new Refusal(550, "unusable", `5.6.0 Not taken: ${error.message}`);
      if (error instanceof StillSending) throw later("still_sending");
      logger.warn({ error: describeError(error) }, "a returned mail could not be recorded");
      // It would fail in the same way each time.
      throw isDataFault(error)
        ? new Refusal(554, "unstorable", "5.6.0 The message cannot be stored")
        : later("failed");
    }
  }

  const server = new SMTPServer({
    name: domain,
    banner: "Returned mail only",
    authOptional: true,
    disabledCommands: tls ? ["AUTH"] : ["AUTH", "STARTTLS"],
    ...tls,
    hideENHANCEDSTATUSCODES: false,
    disableReverseLookup: true,
    size: mailBytes,
    maxClients: maxConnections,
    socketTimeout: idleMs,
    closeTimeout: closeMs,
    logger: false,
    onConnect({ id, remoteAddress }, done) {
      const count = (countOfHost.get(remoteAddress) ?? 0) + 1;
      countOfHost.set(remoteAddress, count);
      const timer = setTimeout(() => endConnection(server, id), connectionMs);
      timers.set(id, timer.unref());
      if (count > maxConnectionsOfHost)
        done(refuse(new Refusal(421, "connections_of_host", "4.7.0 Too many connections")));
      else done();
    },
    onClose({ id, remoteAddress }) {
      clearTimeout(timers.get(id));
      if (!timers.delete(id)) return;
      const left = (countOfHost.get(remoteAddress) ?? 1) - 1;
      if (left > 0) countOfHost.set(remoteAddress, left);
      else countOfHost.delete(remoteAddress);
    },
    onRcptTo({ address }, { envelope, remoteAddress }, done) {
      const recipient = recognise(address);
      if (recipient === null)
        done(refuse(new Refusal(550, "unknown_address", "5.1.1 No such address")));
      else if (envelope.rcptTo.length >= maxRecipients)
        done(refuse(new Refusal(452, "recipients", "4.5.3 Too many recipients")));
      else if (recipient === "feedback" && !allowsFeedback(remoteAddress))
        done(refuse(new Refusal(451, "feedback_rate", "4.7.0 Too many reports, try again later")));
      else done();
    },
    onData(stream, session, done) {
      take(stream, session).then(
        () => {
          metrics.mails.inc({ result: "recorded" });
          done(null, "2.0.0 Recorded");
        },
        (error: Error) => {
          const refusal = refuse(error instanceof Refusal ? error : later("failed"));
          metrics.mails.inc({ result: refusal.responseCode < 500 ? "deferred" : "refused" });
          done(refusal);
        },
      );
    },
  });
  // A client that breaks its connection off is no fault of ours.
  server.on("error", ({ message }) => logger.warn({ error: message }, "a connection failed"));
  metrics.watchConnections(() => server.connections.size);
  server.listen(port, host);
  await once(server.server, "listening");
  return {
    port: (server.server.address() as AddressInfo).port,
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

/** Reads a mail to its end, as the protocol demands; null if it is too large. */
async function readWhole(stream: SMTPServerDataStream): Promise<Uint8Array | null> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as Readable)
    if (!stream.sizeExceeded) chunks.push(chunk as Buffer);
  return stream.sizeExceeded ? null : Buffer.concat(chunks);
}

function endConnection(server: SMTPServer, id: string): void {
  for (const connection of server.connections) if (connection.id === id) connection.close();
}

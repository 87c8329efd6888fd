// The local mailbox: an SMTP server that accepts every message and delivers none. It answers 250 only once the message is in its
// log, so the log is evidence that survives any crash. The newest messages can be viewed over HTTP.
import { closeSync, fstatSync, ftruncateSync, openSync, renameSync, writeSync } from "node:fs";
import { parseArgs } from "node:util";
import { SMTPServer, type SMTPServerDataStream } from "smtp-server";
import { createPages, type KeptMessage } from "./mailbox-pages.ts";

/** One line of the log. It contains no addresses and no content, so that it may be kept. */
export interface MailboxLogLine {
  at: string;
  messageId: string | null;
  deliveryId: string | null;
  /** The group of deliveries that were sent as this message; null for a single delivery. */
  groupId: string | null;
}

/** About a third of a million messages. After that the log continues in a new file, and the previous file is kept. */
const logLimitBytes = 64 * 1024 * 1024;
const messageLimitBytes = 25 * 1024 * 1024;

const { values } = parseArgs({
  options: {
    "smtp-port": { type: "string" },
    "http-port": { type: "string" },
    log: { type: "string" },
    keep: { type: "string", default: "500" },
  },
});
const logPath = values.log!;
let log = openSync(logPath, "a");
let loggedBytes = fstatSync(log).size;
const keep = Number(values.keep);
const kept: KeptMessage[] = [];
let accepted = 0;

/** Appends a line to the log. Throws where it cannot be written completely: the message is then refused, and sent again later. */
function appendToLog(line: MailboxLogLine): void {
  if (loggedBytes >= logLimitBytes) {
    renameSync(logPath, `${logPath}.1`);
    const full = log;
    log = openSync(logPath, "a");
    closeSync(full);
    loggedBytes = 0;
  }
  const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
  const written = writeSync(log, bytes);
  if (written < bytes.length) {
    ftruncateSync(log, loggedBytes);
    throw new Error("the disk is full");
  }
  loggedBytes += written;
}

async function accept(
  stream: SMTPServerDataStream,
  envelope: { from: string; to: string[] },
): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  if (stream.sizeExceeded)
    throw Object.assign(new Error("message too large"), { responseCode: 552 });
  const raw = Buffer.concat(chunks);
  const head = headers(raw);
  const line: MailboxLogLine = {
    at: new Date().toISOString(),
    messageId: head.get("message-id") ?? null,
    deliveryId: head.get("x-tidings-delivery") ?? null,
    groupId: head.get("x-tidings-group") ?? null,
  };
  appendToLog(line);
  kept.push({
    number: ++accepted,
    at: line.at,
    ...envelope,
    subject: head.get("subject") ?? "",
    raw,
  });
  if (kept.length > keep) kept.shift();
  return `message ${accepted}`;
}

function headers(raw: Buffer): Map<string, string> {
  const end = raw.indexOf("\r\n\r\n");
  const text = raw.toString("latin1", 0, end < 0 ? raw.length : end).replaceAll(/\r\n[ \t]+/g, " ");
  return new Map(
    text.split("\r\n").map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
}

const smtp = new SMTPServer({
  banner: "Tidings mailbox",
  size: messageLimitBytes,
  authOptional: true,
  disabledCommands: ["AUTH", "STARTTLS"],
  disableReverseLookup: true,
  logger: false,
  onData(stream, session, callback) {
    const { mailFrom, rcptTo } = session.envelope;
    const envelope = {
      from: mailFrom ? mailFrom.address : "",
      to: rcptTo.map(({ address }) => address),
    };
    accept(stream, envelope).then(
      (answer) => callback(null, answer),
      (error: Error) => callback(error),
    );
  },
});
// A client that closes the connection is not an error of the mailbox.
smtp.on("error", () => {});
const pages = createPages(kept);

process.once("disconnect", () => process.exit(0));
process.once("SIGTERM", () => {
  pages.close();
  pages.closeAllConnections();
  smtp.close(() => process.exit(0));
});

await Promise.all([
  new Promise<void>((resolve, reject) => {
    smtp.server.once("error", reject);
    smtp.listen(Number(values["smtp-port"]), "127.0.0.1", resolve);
  }),
  new Promise<void>((resolve, reject) => {
    pages.once("error", reject);
    pages.listen(Number(values["http-port"]), "127.0.0.1", resolve);
  }),
]);
process.send?.({ ready: true });

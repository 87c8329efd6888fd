// An SMTP server that accepts every message and keeps only the ids, in a separate process. It is so cheap that the sender is the
// limit: it searches bytes instead of lines, and parses only what it counts.
import { createServer, type AddressInfo, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { createTally, type Slice } from "./tally.ts";

/** The delays of a sink, without delay by default: the first argument of the program, as JSON. */
export interface SinkManner {
  /** Milliseconds from every command to its reply, to simulate a distant server. */
  replyDelayMs?: number;
  /** The range of milliseconds from the end of a message to its reply. */
  messageDelayMs?: readonly [number, number];
}

/** The questions to the sink over IPC; each gets one answer with the same number. */
export type SinkQuestion =
  | { ask: "progress" }
  | { ask: "report" }
  /** Answered once the given number has arrived since the last reset, with the instant of the last arrival. */
  | { ask: "reached"; messages: number }
  | { ask: "arrivals"; deliveryIds: string[] }
  | { ask: "page"; number: number }
  | { ask: "reset" };

/** Instants are milliseconds of the wall clock. Counts are since the last reset. */
export interface SinkReport {
  messages: number;
  /** Distinct values of the delivery-id header. */
  deliveries: number;
  /** Messages with the same Message-ID or delivery id as an earlier one, whichever are more. */
  duplicated: number;
  firstAt: number | null;
  lastAt: number | null;
  cpuSeconds: number;
}

const lineEnd = Buffer.from("\r\n");
const dataEnd = Buffer.from("\r\n.\r\n");
const headEnd = Buffer.from("\r\n\r\n");
const messageIdField = Buffer.from("\r\nMessage-ID: ");
const deliveryField = Buffer.from("\r\nX-Tidings-Delivery: ");
const absent: Slice = { start: 0, end: 0 };
const nobody = Buffer.alloc(0);
const [less, greater] = [..."<>"].map((sign) => sign.charCodeAt(0)) as [number, number];

const { replyDelayMs = 0, messageDelayMs = [0, 0] } = JSON.parse(
  process.argv[2] ?? "{}",
) as SinkManner;
const takesItsTime = replyDelayMs > 0 || messageDelayMs[1] > 0;

const tally = createTally();
/** The caller that waits for a number of arrivals. */
let awaited: { messages: number; tell: (at: number) => void } | null = null;
let cpuAtReset = process.cpuUsage();

/** @param start the position of the line break before the message */
function note(bytes: Buffer, start: number, end: number, envelope: Envelope): void {
  const blank = bytes.indexOf(headEnd, start);
  const head = bytes.subarray(start, blank === -1 ? end : Math.min(blank, end) + lineEnd.length);
  const ids = {
    messageId: valueOf(head, messageIdField),
    deliveryId: valueOf(head, deliveryField),
  };
  const at = Date.now();
  tally.add(head, ids, { ...envelope, at });
  if (awaited && tally.messages >= awaited.messages) {
    awaited.tell(at);
    awaited = null;
  }
}

function valueOf(head: Buffer, field: Buffer): Slice {
  const found = head.indexOf(field);
  if (found === -1) return absent;
  const start = found + field.length;
  return { start, end: head.indexOf(lineEnd, start) };
}

/** The first letter of a verb is enough to choose the answer. */
const answers: Record<string, string> = {
  E: "250-sink\r\n250-PIPELINING\r\n250-SMTPUTF8\r\n250 8BITMIME\r\n",
  D: "354 go on\r\n",
  Q: "221 bye\r\n",
};
/** Commands are distinguished by two letters: the second distinguishes `RCPT` from `RSET`. */
const isCommand = (name: string) => {
  const [first, second] = [...name].map((letter) => letter.charCodeAt(0));
  return (bytes: Buffer, at: number) =>
    (bytes[at]! & 0xdf) === first && (bytes[at + 1]! & 0xdf) === second;
};
const namesRecipient = isCommand("RC");
const beginsMessage = isCommand("MA");
const answerOf = Array.from(
  { length: 256 },
  (_, byte) => answers[String.fromCharCode(byte).toUpperCase()] ?? "250 OK\r\n",
);

interface Envelope {
  /** When the MAIL command arrived, in milliseconds of the wall clock. */
  begunAt: number;
  /** A copy, because it outlives the received buffer. */
  recipient: Buffer;
}

function converse(socket: Socket): void {
  let unread: Buffer = Buffer.alloc(0);
  let inData = false;
  let envelope: Envelope = { begunAt: 0, recipient: nobody };
  let quitting = false;
  /** The position up to which `unread` contains no end of the data. */
  let searched = 0;

  const write = (reply: string, isLast: boolean) => {
    if (socket.destroyed) return;
    if (isLast) socket.end(reply, "latin1");
    else socket.write(reply, "latin1");
  };
  /** Replies are sent in order, each after its delay. */
  let lastReply = Promise.resolve();
  const say = (reply: string, delayMs: number, isLast = false) => {
    if (reply === "") return;
    if (!takesItsTime) return write(reply, isLast);
    const at = performance.now() + delayMs;
    lastReply = lastReply
      .then(() => sleep(Math.max(0, at - performance.now())))
      .then(() => write(reply, isLast));
  };

  socket.on("data", (chunk: Buffer) => {
    unread = unread.length === 0 ? chunk : Buffer.concat([unread, chunk]);
    let at = 0;
    let reply = "";
    for (;;) {
      if (inData) {
        const end = unread.indexOf(dataEnd, Math.max(at, searched));
        if (end === -1) {
          searched = Math.max(at, unread.length - dataEnd.length + 1);
          break;
        }
        note(unread, at, end, envelope);
        at = end + dataEnd.length;
        inData = false;
        if (takesItsTime) {
          say(reply, replyDelayMs);
          const [least, most] = messageDelayMs;
          say("250 OK\r\n", replyDelayMs + least + Math.random() * (most - least));
          reply = "";
        } else reply += "250 OK\r\n";
      } else {
        const end = unread.indexOf(lineEnd, at);
        if (end === -1) break;
        const answer = answerOf[unread[at]!]!;
        if (beginsMessage(unread, at)) envelope = { begunAt: Date.now(), recipient: nobody };
        else if (namesRecipient(unread, at))
          envelope.recipient = Buffer.from(
            unread.subarray(unread.indexOf(less, at) + 1, unread.indexOf(greater, at)),
          );
        reply += answer;
        inData = answer === answers.D;
        // The line break before the data may be part of the end of the data.
        at = inData ? end : end + lineEnd.length;
        searched = at;
        quitting ||= answer === answers.Q;
      }
    }
    searched = Math.max(0, searched - at);
    if (at > 0) unread = unread.subarray(at);
    say(reply, replyDelayMs, quitting);
  });
  socket.on("error", () => socket.destroy());
  socket.setNoDelay(true);
  socket.write("220 sink ESMTP\r\n");
}

function answer(question: SinkQuestion): unknown {
  switch (question.ask) {
    case "progress":
      return tally.messages;
    case "reached": {
      const { messages } = question;
      if (tally.messages >= messages) return tally.lastAt;
      return new Promise<number>((tell) => (awaited = { messages, tell }));
    }
    case "report": {
      const { user, system } = process.cpuUsage(cpuAtReset);
      const { messages, firstAt, lastAt } = tally;
      const report: SinkReport = {
        messages,
        firstAt,
        lastAt,
        ...tally.count(),
        cpuSeconds: (user + system) / 1e6,
      };
      return report;
    }
    case "arrivals":
      return tally.arrivals(question.deliveryIds);
    case "page":
      return tally.page(question.number);
    case "reset":
      tally.reset();
      cpuAtReset = process.cpuUsage();
      return null;
  }
}

const server = createServer(converse);
server.listen(0, "127.0.0.1", () =>
  process.send?.({ port: (server.address() as AddressInfo).port }),
);
process.on("message", ({ number, question }: { number: number; question: SinkQuestion }) => {
  void Promise.resolve(answer(question)).then((given) => process.send?.({ number, answer: given }));
});
process.once("disconnect", () => process.exit(0));
// The launcher handles Ctrl-C, and disconnects.
process.on("SIGINT", () => {});

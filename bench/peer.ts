// A bare sender in a separate process, without ledger, queue and retries. A campaign is compared with its rate.
import { connect, type Socket } from "node:net";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { createTransport } from "nodemailer";
import MailComposer from "nodemailer/lib/mail-composer";
import { byWebPush } from "./push-peer.ts";
import { filler, freshDeliveryId, sender } from "./message.ts";

export interface PeerOrder {
  peer: "nodemailer" | "smtp" | "web-push";
  host: string;
  port: number;
  connections: number;
  /** The duration of the warm-up, and of the measurement. */
  warmUpMs: number;
  measureMs: number;
}

export interface PeerResult {
  messages: number;
  seconds: number;
  cpuSeconds: number;
}

/** Sends continuously on every connection until it is stopped; `sent` is called for each accepted message. */
export type Sending = (order: PeerOrder, sent: () => void, ended: () => boolean) => Promise<void>;

/** Composes each message, and sends as many at once as there are connections. */
const byNodemailer: Sending = async ({ host, port, connections }, sent, ended) => {
  const transport = createTransport({
    host,
    port,
    secure: false,
    pool: true,
    maxConnections: connections,
    maxMessages: Infinity,
  });
  const fill = filler();
  let next = 0;
  const send = async () => {
    while (!ended()) {
      await transport.sendMail({
        from: sender,
        ...fill(next++),
        headers: { "X-Tidings-Delivery": freshDeliveryId() },
      });
      sent();
    }
  };
  await Promise.all(Array.from({ length: connections }, send));
  transport.close();
};

/** Composes one message and sends the same bytes each time, so that only the SMTP conversation is measured, with a pipelined envelope (RFC 2920). */
const byConversation: Sending = async ({ host, port, connections }, sent, ended) => {
  const message = filler()(0);
  const mime = await new MailComposer({ from: sender, ...message }).compile().build();
  const envelope = `MAIL FROM:<tidings@localhost>\r\nRCPT TO:<${message.to}>\r\nDATA\r\n`;
  // nodemailer's output ends with a line break, and no line of this message begins with a dot.
  const first = Buffer.from(envelope);
  const following = Buffer.concat([mime, Buffer.from(`.\r\n${envelope}`)]);

  const converse = (socket: Socket) =>
    new Promise<void>((resolve, reject) => {
      let unread = "";
      let greeted = false;
      socket.setNoDelay(true).setEncoding("latin1");
      socket.on("data", (chunk: string) => {
        unread += chunk;
        let at = 0;
        for (let end; (end = unread.indexOf("\r\n", at)) !== -1; at = end + 2) {
          const reply = unread.slice(at, at + 4);
          if (reply[3] === "-") continue;
          if (reply === "354 ") {
            if (ended()) {
              socket.destroy();
              return resolve();
            }
            socket.write(following);
            awaiting = true;
          } else if (reply === "220 ") {
            socket.write("EHLO localhost\r\n");
          } else if (reply !== "250 ") {
            return reject(new Error(`the server answered ${reply}`));
          } else if (!greeted) {
            greeted = true;
            socket.write(first);
          } else if (awaiting) {
            awaiting = false;
            sent();
          }
        }
        unread = unread.slice(at);
      });
      let awaiting = false;
      socket.on("error", reject);
    });
  await Promise.all(Array.from({ length: connections }, () => converse(connect(port, host))));
};

const senders: Record<PeerOrder["peer"], Sending> = {
  nodemailer: byNodemailer,
  smtp: byConversation,
  "web-push": byWebPush,
};

async function measure(order: PeerOrder): Promise<PeerResult> {
  let messages = 0;
  let ended = false;
  const sending = senders[order.peer](
    order,
    () => messages++,
    () => ended,
  );
  const measured = (async () => {
    await sleep(order.warmUpMs);
    const before = { messages, at: performance.now(), cpu: process.cpuUsage() };
    await sleep(order.measureMs);
    const { user, system } = process.cpuUsage(before.cpu);
    const result = {
      messages: messages - before.messages,
      seconds: (performance.now() - before.at) / 1_000,
      cpuSeconds: (user + system) / 1e6,
    };
    ended = true;
    return result;
  })();
  await Promise.race([sending, measured]);
  await sending;
  return measured;
}

process.once("disconnect", () => process.exit(0));
process.once("message", (order: PeerOrder) => {
  measure(order).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { SMTPServer, type SMTPServerDataStream } from "smtp-server";

export interface ArrivedMail {
  /** Milliseconds since the epoch. */
  at: number;
  to: string;
  messageId: string;
  /** Of what one delivery went out as. */
  deliveryId: string | null;
  /** Of what several went out as. */
  groupId: string | null;
  text: string;
}

/** A mail server that accepts messages, delays its answers, or refuses every message, as set by the test. */
export interface MailServer {
  url: string;
  /** All that came, answered or not. */
  mails: readonly ArrivedMail[];
  /** Those whose answer is held back. */
  unanswered(): number;
  hold(): void;
  release(): void;
  /** Whether every mail is turned away. */
  broken: boolean;
  stop(): Promise<void>;
}

export async function startMailServer(name: string): Promise<MailServer> {
  const mails: ArrivedMail[] = [];
  let holding = false;
  const held: (() => void)[] = [];

  const accept = async (stream: SMTPServerDataStream, to: string) => {
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    mails.push(read(Buffer.concat(chunks).toString("latin1"), to));
    if (holding) await new Promise<void>((resolve) => held.push(resolve));
  };

  const smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ["AUTH", "STARTTLS"],
    disableReverseLookup: true,
    logger: false,
    onMailFrom(_address, _session, done) {
      if (!server.broken) return done();
      done(Object.assign(new Error("out of order"), { responseCode: 421 }));
    },
    onData(stream, { envelope }, done) {
      accept(stream, envelope.rcptTo[0]!.address).then(() => done(), done);
    },
  });
  // Workers are killed in the middle of conversations.
  smtp.on("error", () => {});
  smtp.listen(0, "127.0.0.1");
  await once(smtp.server, "listening");

  const release = () => {
    holding = false;
    for (const answer of held.splice(0)) answer();
  };
  const server: MailServer = {
    url: `smtp://127.0.0.1:${(smtp.server.address() as AddressInfo).port}?name=${name}`,
    mails,
    unanswered: () => held.length,
    hold: () => void (holding = true),
    release,
    broken: false,
    async stop() {
      release();
      await new Promise<void>((resolve) => smtp.close(() => resolve()));
    },
  };
  return server;
}

function read(raw: string, to: string): ArrivedMail {
  const end = raw.indexOf("\r\n\r\n");
  const head = raw.slice(0, end);
  const header = (name: string) =>
    new RegExp(`^${name}: (.*)$`, "im").exec(head)?.[1]?.trim() ?? null;
  return {
    at: Date.now(),
    to,
    messageId: header("Message-ID") ?? "",
    deliveryId: header("X-Tidings-Delivery"),
    groupId: header("X-Tidings-Group"),
    // Lines that were broken for the way are whole again.
    text: raw.slice(end).replaceAll("=\r\n", ""),
  };
}

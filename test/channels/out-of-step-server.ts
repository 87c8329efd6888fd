import { setImmediate as nextTurn } from "node:timers/promises";
import {
  HungUp,
  startScriptedServer,
  type ScriptedConnection,
  type ScriptedServer,
} from "./scripted-server.ts";

/** What a reply is to; a dot is the end of a content. */
export const occasions = ["greeting", "EHLO", "RSET", "MAIL", "RCPT", "DATA", "dot"] as const;
export type Occasion = (typeof occasions)[number];

/**
 * The packets in which a reply goes out, whatever they hold: `honest` is what is due, with its line end, and `nth` counts its occasion
 * on this connection from 1. A packet that begins with 421 is the last.
 */
export type Disturbance = (occasion: Occasion, honest: string, nth: number) => string[];

export interface OutOfStepServer extends ScriptedServer {
  /** The recipients whose contents came in to their final dots. */
  received: string[];
  /** Of these, the ones that it meant to accept. */
  accepted: string[];
}

/**
 * A server that is true to itself and disturbed on its way out: it keeps account of what it received, whatever it is made to say. It
 * refuses recipients that begin with `refused`, and contents to those that begin with `bounced`.
 * @param together replies are held while there are commands to read, and go out in one packet
 */
export async function startOutOfStepServer({
  extensions = [],
  together = false,
  disturb,
}: {
  extensions?: readonly string[];
  together?: boolean;
  disturb: Disturbance;
}): Promise<OutOfStepServer> {
  const received: string[] = [];
  const accepted: string[] = [];
  const server = await startScriptedServer(async (connection) => {
    const reply = createSpeaker(connection, together, (occasion, honest, nth) => {
      const packets = disturb(occasion, honest, nth);
      // RFC 5321, 3.8: that is a refusal.
      if (occasion === "dot" && packets[0]?.startsWith("421") && honest.startsWith("250"))
        accepted.pop();
      return packets;
    });
    let recipient: string | null = null;
    await reply("greeting", "220 s");
    for (;;) {
      const line = await connection.line();
      const command = line.slice(0, 4);
      if (command === "EHLO") {
        await reply("EHLO", ["s", ...extensions].map(asLineOf250).join("\r\n"));
      } else if (command === "RSET") {
        recipient = null;
        await reply("RSET", "250 reset");
      } else if (command === "MAIL") {
        recipient = null;
        await reply("MAIL", "250 sender");
      } else if (command === "RCPT") {
        const address = line.slice("RCPT TO:<".length, -1);
        recipient = address.startsWith("refused") ? null : address;
        await reply("RCPT", recipient ? "250 recipient" : "550 no such recipient");
      } else if (command === "DATA" && recipient) {
        await reply("DATA", "354 go ahead");
        let lines = 0;
        while ((await connection.line()) !== ".") lines += 1;
        const taken = lines > 0 && !recipient.startsWith("bounced");
        if (lines > 0) received.push(recipient);
        if (taken) accepted.push(recipient);
        recipient = null;
        await reply("dot", taken ? "250 taken" : "554 not wanted");
      } else if (command === "DATA") {
        await reply("DATA", "503 no recipient");
      } else if (command === "QUIT") {
        connection.write("221 bye");
        connection.hangUp();
        return;
      } else {
        connection.write("500 what?");
      }
    }
  });
  return Object.assign(server, { received, accepted });
}

const asLineOf250 = (text: string, index: number, all: readonly string[]) =>
  `250${index === all.length - 1 ? " " : "-"}${text}`;

/** What two packets are apart: the client, in this process, has had its turns to read the first. */
async function letClientRead(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await nextTurn();
}

function createSpeaker(connection: ScriptedConnection, together: boolean, disturb: Disturbance) {
  const counts = new Map<Occasion, number>();
  let held = "";
  const flush = () => {
    if (held !== "") connection.socket.write(held);
    held = "";
  };
  return async (occasion: Occasion, honest: string): Promise<void> => {
    const nth = (counts.get(occasion) ?? 0) + 1;
    counts.set(occasion, nth);
    const packets = disturb(occasion, `${honest}\r\n`, nth);
    for (const [index, packet] of packets.entries()) {
      if (index > 0) {
        flush();
        await letClientRead();
      }
      held += packet;
      if (packet.startsWith("421")) {
        flush();
        connection.hangUp();
        throw new HungUp();
      }
    }
    if (!together || !connection.hasLine) flush();
  };
}

import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import type { ReceivedMessage } from "../../bench/discrepancies.ts";
import {
  HungUp,
  startScriptedServer,
  type ScriptedConnection,
  type ScriptedServer,
} from "./scripted-server.ts";

/** What is to be answered. `content` is the moment after 354, at which nothing of the message has been read; a dot is its end. */
export type Phase =
  | "greeting"
  | "EHLO"
  | "HELO"
  | "RSET"
  | "MAIL"
  | "RCPT"
  | "DATA"
  | "content"
  | "dot";

/** What the server knows when it is to answer. */
interface Occasion {
  phase: Phase;
  /** Counts connections from 1; and how many of them are open, this one included. */
  connection: number;
  open: number;
  /** Mails begun and taken over this connection, the present one among those that were begun. */
  begun: number;
  taken: number;
  /** Mails taken over all connections. */
  takenInAll: number;
  /** Null before RCPT. */
  recipient: string | null;
  /** How often this phase has come, this time included: for this recipient, or over all connections where there is none yet. */
  nth: number;
}

/** In place of what is due: lines to be said, or packets as they are, and what becomes of the connection after them. */
export type Answer =
  | string
  | { packets?: readonly string[]; afterMs?: number; end?: "close" | "reset" | "hang" };

/** What a server answers; undefined: what is due. */
export type Answers = (occasion: Occasion) => Answer | undefined;

/** Says this, if anything, and hangs up. */
export const closing = (line?: string): Answer => ({
  packets: line === undefined ? [] : [`${line}\r\n`],
  end: "close",
});
/** Breaks the connection off without a word. */
export const resetting: Answer = { packets: [], end: "reset" };
/** Says nothing any more. */
export const hanging: Answer = { packets: [], end: "hang" };
/** Says what is due, so much later. */
export const later = (afterMs: number): Answer => ({ afterMs });

export interface MisbehavingServer extends ScriptedServer {
  /** The messages that came in to their final dots and were not refused after them, whatever was said of them. */
  messages: ReceivedMessage[];
  /** What was refused, from whom and when: by phase, with the recipient where one was named. */
  refusals: { phase: Phase; recipient: string | null }[];
  /** When each recipient was named, in milliseconds of the monotonic clock. */
  namedAt: Map<string, number[]>;
  /** Commands that are unexpected or unknown. */
  strays: string[];
  /** Most mails that were begun over one connection. */
  mostBegun: () => number;
}

/** A server that records what it receives, and gives the configured answers at the configured places. */
export async function startMisbehavingServer(
  answers: Answers,
  { extensions = [] }: { extensions?: readonly string[] } = {},
): Promise<MisbehavingServer> {
  const account: Account = {
    messages: [],
    refusals: [],
    namedAt: new Map(),
    strays: [],
    counts: new Map(),
    open: 0,
    mostBegun: 0,
    taken: 0,
  };
  const server = await startScriptedServer(async (connection, index) => {
    account.open += 1;
    connection.socket.once("close", () => (account.open -= 1));
    await new Conversation(connection, index + 1, account, answers).run(extensions);
  });
  const { messages, refusals, namedAt, strays } = account;
  return Object.assign(server, {
    messages,
    refusals,
    namedAt,
    strays,
    mostBegun: () => account.mostBegun,
  });
}

interface Account extends Pick<MisbehavingServer, "messages" | "refusals" | "namedAt" | "strays"> {
  counts: Map<string, number>;
  open: number;
  mostBegun: number;
  taken: number;
}

/** A connection's end of it. */
class Conversation {
  readonly #connection: ScriptedConnection;
  readonly #number: number;
  readonly #account: Account;
  readonly #answers: Answers;
  #begun = 0;
  #taken = 0;
  #hasSender = false;
  /** The one that was accepted. */
  #recipient: string | null = null;

  constructor(connection: ScriptedConnection, number: number, account: Account, answers: Answers) {
    this.#connection = connection;
    this.#number = number;
    this.#account = account;
    this.#answers = answers;
  }

  async run(extensions: readonly string[]): Promise<void> {
    await this.#say("greeting", "220 s");
    for (;;) {
      const line = await this.#connection.line();
      const verb = line.slice(0, 4).toUpperCase();
      if (verb === "EHLO") await this.#say("EHLO", asLinesOf250(["s", ...extensions]));
      else if (verb === "HELO") await this.#say("HELO", "250 s");
      else if (verb === "RSET") {
        this.#hasSender = false;
        this.#recipient = null;
        await this.#say("RSET", "250 reset");
      } else if (verb === "MAIL") await this.#onMail();
      else if (verb === "RCPT") await this.#onRecipient(line.slice("RCPT TO:<".length, -1));
      else if (verb === "DATA") await this.#onData();
      else if (verb === "QUIT") {
        this.#connection.write("221 bye");
        this.#connection.hangUp();
        return;
      } else {
        this.#account.strays.push(verb);
        this.#connection.write("500 what?");
      }
    }
  }

  async #onMail(): Promise<void> {
    this.#begun += 1;
    const account = this.#account;
    account.mostBegun = Math.max(account.mostBegun, this.#begun);
    this.#recipient = null;
    // RFC 5321, 3.3: no second one before the first has ended.
    if (this.#hasSender) account.strays.push("MAIL within a mail");
    this.#hasSender = isYes(await this.#say("MAIL", "250 2.1.0 sender"));
  }

  async #onRecipient(address: string): Promise<void> {
    const { namedAt } = this.#account;
    namedAt.set(address, [...(namedAt.get(address) ?? []), performance.now()]);
    if (!this.#hasSender) return this.#connection.write("503 5.5.1 no sender");
    const code = await this.#say("RCPT", "250 2.1.5 recipient", address);
    this.#recipient = isYes(code) ? address : null;
  }

  async #onData(): Promise<void> {
    const recipient = this.#recipient;
    if (recipient === null) return this.#connection.write("503 5.5.1 no recipient");
    if ((await this.#say("DATA", "354 go ahead", recipient)) !== 354) return;
    await this.#say("content", "", recipient);
    const lines: string[] = [];
    for (;;) {
      const line = await this.#connection.line();
      if (line === ".") break;
      lines.push(line);
    }
    this.#hasSender = false;
    this.#recipient = null;
    const { messages } = this.#account;
    const message: ReceivedMessage = { deliveryId: deliveryIdIn(lines), address: recipient };
    messages.push(message);
    const code = await this.#say("dot", "250 2.0.0 taken", recipient, () =>
      messages.splice(messages.indexOf(message), 1),
    );
    if (!isYes(code)) return;
    this.#taken += 1;
    this.#account.taken += 1;
  }

  /** Says what is due, or what the script names; the code of that, or of what was due where it says nothing. A refusal calls `undo` first. */
  async #say(
    phase: Phase,
    due: string,
    recipient: string | null = null,
    undo?: () => void,
  ): Promise<number> {
    const { counts, open, taken, refusals } = this.#account;
    const key = `${phase} ${recipient}`;
    const nth = (counts.get(key) ?? 0) + 1;
    counts.set(key, nth);
    const answer = this.#answers({
      phase,
      connection: this.#number,
      open,
      begun: this.#begun,
      taken: this.#taken,
      takenInAll: taken,
      recipient,
      nth,
    });
    const {
      packets,
      afterMs = 0,
      end,
    } = typeof answer === "string" ? { packets: [`${answer}\r\n`] } : (answer ?? {});
    const said = packets ?? (due === "" ? [] : [`${due}\r\n`]);
    const code = Number.parseInt(said.join("").trim() || due, 10);
    if (!isYes(code)) {
      refusals.push({ phase, recipient });
      undo?.();
    }
    if (afterMs > 0) await sleep(afterMs);
    await this.#write(said);
    if (end === "close") this.#connection.hangUp();
    if (end === "reset") this.#connection.socket.resetAndDestroy();
    if (end === "hang") await new Promise<void>(() => {});
    if (end) throw new HungUp();
    return code;
  }

  async #write(packets: readonly string[]): Promise<void> {
    for (const [index, packet] of packets.entries()) {
      // The client, in this process, has its turns to read what came before.
      for (let turn = 0; index > 0 && turn < 3; turn += 1) await nextTurn();
      this.#connection.socket.write(packet, "latin1");
    }
  }
}

const isYes = (code: number) => !(code >= 400);

const deliveryIdIn = (lines: readonly string[]) =>
  lines
    .slice(0, lines.indexOf(""))
    .find((line) => line.startsWith("X-Tidings-Delivery: "))
    ?.slice("X-Tidings-Delivery: ".length) ?? "";

const asLinesOf250 = (texts: readonly string[]) =>
  texts.map((text, index) => `250${index === texts.length - 1 ? " " : "-"}${text}`).join("\r\n");

import type { Socket } from "node:net";
import type { Loss } from "./smtp-job.ts";
import { atEndOfTurn } from "./turn.ts";
import { createReplyReader, type Reply, type ReplyReader } from "./smtp-replies.ts";

export interface WireListener {
  /** `asked` is false if the reply began before any unanswered command was written. */
  onReply(reply: Reply, asked: boolean): void;
  /** The connection has broken, or the server does not speak SMTP. May be called several times. */
  onLoss(loss: Loss): void;
}

const goodbyeMs = 1_000;

/**
 * A connection that counts replies against commands. Each command has exactly one reply (RFC 5321, 4.1.1 and 4.3). After a reply
 * without a command, each command would be answered by the reply to the command before it.
 */
export class SmtpWire {
  readonly #socket: Socket;
  readonly #listener: WireListener;
  readonly #replies: ReplyReader;
  /** The number of commands without a reply. */
  #unanswered = 0;
  /** The number of those that were written before the piece that is being read came in: only these can be answered in it. */
  #answerable = 0;
  /** True if the current or next reply began before there was a command to answer. */
  #beganUnasked = false;

  constructor(socket: Socket, listener: WireListener) {
    this.#socket = socket;
    this.#listener = listener;
    this.#replies = createReplyReader((reply) => this.#receive(reply));
    const lose = (message: string) => listener.onLoss({ failure: "connection", message });
    socket.on("data", (chunk: Buffer) => {
      try {
        this.#read(chunk);
      } catch (error) {
        lose(error instanceof Error ? error.message : String(error));
      }
    });
    socket.on("error", (error) => lose(error.message));
    socket.on("close", () => lose("the server closed the connection"));
    socket.on("end", () => lose("the server closed the connection"));
  }

  /**
   * Writes text with `commands` commands, of which a final dot is one, at the end of the turn: replies that are read until then
   * cannot answer them. `onWritten` is called once the kernel has the whole text.
   */
  write(
    text: string | Buffer,
    encoding: BufferEncoding | undefined,
    commands: number,
    onWritten?: (error?: Error | null) => void,
  ): void {
    atEndOfTurn(() => {
      this.#unanswered += commands;
      this.#socket.write(text, encoding, onWritten);
    });
  }

  /** Sends QUIT, and waits for a while until the server closes the connection. */
  quit(): void {
    const socket = this.#socket;
    atEndOfTurn(() => socket.end("QUIT\r\n"));
    const timer = setTimeout(() => socket.destroy(), goodbyeMs);
    socket.once("close", () => clearTimeout(timer));
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#answerable = this.#unanswered;
    this.#replies.read(chunk);
    if (this.#answerable === 0) this.#beganUnasked ||= this.#replies.partial;
  }

  #receive(reply: Reply): void {
    const asked = this.#answerable > 0 && !this.#beganUnasked;
    this.#beganUnasked = false;
    if (asked) {
      this.#answerable -= 1;
      this.#unanswered -= 1;
    }
    this.#listener.onReply(reply, asked);
  }
}

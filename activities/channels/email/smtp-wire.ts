import type { Socket } from "node:net";
import type { Loss } from "./smtp-job.ts";
import { atEndOfTurn } from "./turn.ts";
import { createReplyReader, type Reply, type ReplyReader } from "./smtp-replies.ts";

export interface WireListener {
  /** `asked` is false where the reply began before every command but those that were already answered was written. */
  onReply(reply: Reply, asked: boolean): void;
  /** The connection has broken, or the server does not speak SMTP. May be called again after that. */
  onLoss(loss: Loss): void;
}

const goodbyeMs = 1_000;

/**
 * A connection on which replies are counted against commands. RFC 5321, 4.1.1 and 4.3: each command has exactly one reply. A reply
 * that nothing asked for is one by which all that follow would answer the command before their own.
 */
export class SmtpWire {
  readonly #socket: Socket;
  readonly #listener: WireListener;
  readonly #replies: ReplyReader;
  /** Commands without a reply. */
  #unanswered = 0;
  /** Of these, the ones that were written before the piece that is being read came in: no other can be answered in it. */
  #answerable = 0;
  /** The reply that has begun, or is next to begin, did so before there was anything to answer. */
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
   * Writes text that holds `commands` of them, a final dot being one, when the turn ends: what is read until then cannot be an answer
   * to them. `onWritten` is called once the kernel has all of it.
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

  /** Says goodbye, and waits for the server to hang up, for a while. */
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

import type { Context } from "hono";
import type { ApiEnv } from "./context.ts";

/**
 * The bytes that may wait for their reader. A reader who is slower loses the connection, and asks for the rest with the next one, so that no
 * stream needs memory without bound.
 */
const mostWaitingBytes = 524_288;

/** How long a client should wait before it connects again. */
const retryMs = 3_000;

const encoder = new TextEncoder();

const streamHeaders = {
  "Content-Type": "text/event-stream; charset=utf-8",
  "Cache-Control": "no-store",
  // nginx would otherwise keep events back until it has a buffer full of them.
  "X-Accel-Buffering": "no",
};

/** An event of a stream (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export interface StreamEvent {
  event: string;
  /** The id that a client sends as `Last-Event-ID` when it connects again. */
  id?: string;
  data: unknown;
}

export const formatEvent = ({ event, id, data }: StreamEvent): string =>
  `event: ${event}\n${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;

/** A stream of Server-Sent Events, as the body of a response. */
export class EventStream {
  readonly body: ReadableStream<Uint8Array>;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #isOpen = true;
  readonly #onClosed: () => void;

  /** `onClosed` is called once, when the stream ends or its reader is gone. */
  constructor(onClosed: () => void) {
    this.#onClosed = onClosed;
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        cancel: () => this.#finish(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: mostWaitingBytes }),
    );
    this.#write(`retry: ${retryMs}\n\n`);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  send(event: StreamEvent): void {
    this.#write(formatEvent(event));
  }

  /** Sends a line that readers ignore, so that proxies do not end a connection without traffic. */
  keepAlive(): void {
    this.#write(": alive\n\n");
  }

  /** Ends the stream after what was sent. */
  end(): void {
    if (!this.#isOpen) return;
    this.#controller.close();
    this.#finish();
  }

  #write(text: string): void {
    if (!this.#isOpen) return;
    this.#controller.enqueue(encoder.encode(text));
    if ((this.#controller.desiredSize ?? 0) > 0) return;
    this.#controller.error(new Error("the reader of a stream is too slow"));
    this.#finish();
  }

  #finish(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#onClosed();
  }
}

/** Responds with the stream that `open` opens, and ends it when the client is gone. Nobody would read the stream of a HEAD request. */
export async function answerWithStream(c: Context<ApiEnv>, open: () => Promise<EventStream>) {
  if (c.req.method === "HEAD") return c.body(null, 200, streamHeaders);
  const stream = await open();
  const { signal } = c.req.raw;
  signal.addEventListener("abort", () => stream.end(), { once: true });
  if (signal.aborted) stream.end();
  return c.body(stream.body, 200, streamHeaders);
}

import { createEventReader, type StreamEvent } from "./event-stream.ts";
import type { Requests } from "./requests.ts";
import { InboxError, type InboxState } from "./types.ts";

/** The API sends a heartbeat every 25 seconds. A stream that is silent for this many milliseconds is dead. */
const silenceMs = 60_000;
/** The longest pause between two attempts, in milliseconds. */
const maxPauseMs = 60_000;
/** A page in the background keeps its stream for this many milliseconds. */
const backgroundMs = 60_000;
/** A stream that ends within this many milliseconds counts as a failure, so that it is not opened again and again. */
const shortMs = 5_000;

export interface ConnectionOptions {
  requests: Requests;
  closing: AbortSignal;
  /** Whether the stream stays open while the page is in the background. */
  keepInBackground: boolean;
  /** Returns the id of the newest item that is known, after which the stream is to go on. */
  lastId: () => string | null;
  onEvent: (event: StreamEvent) => void;
  onState: (state: InboxState["connection"]) => void;
}

/**
 * Keeps a stream of events open until `closing`: it is opened again when it ends, with pauses that double up to a minute and are
 * random, so that many pages do not come back at the same moment. It is opened at once when the browser is online again and when the
 * page comes to the foreground.
 */
export function keepConnection(options: ConnectionOptions): void {
  const { closing, onState } = options;
  let hurry = () => {};
  let attempt = new AbortController();
  let isAway = false;
  onPageChange(options, {
    leave: () => {
      isAway = true;
      attempt.abort();
    },
    return: () => {
      isAway = false;
      hurry();
    },
    lose: () => attempt.abort(),
  });
  closing.addEventListener("abort", () => hurry());

  /** Waits until the time is over (null: for ever), or until something says that it is worth another attempt. */
  const pause = (ms: number | null) =>
    new Promise<void>((resolve) => {
      const timer = ms === null ? undefined : setTimeout(resolve, ms);
      hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  void (async () => {
    let failures = 0;
    while (!closing.aborted) {
      if (isAway) {
        onState("paused");
        await pause(null);
        continue;
      }
      if (failures === 0) onState("connecting");
      attempt = new AbortController();
      const startedAt = performance.now();
      let retryAfterMs = 0;
      try {
        await readStream(options, attempt, () => (failures = 0));
        if (performance.now() - startedAt < shortMs) failures += 1;
      } catch (error) {
        if (closing.aborted || isAway) continue;
        failures += 1;
        const { status, retryAfterMs: asked } = error as Partial<InboxError>;
        onState(status === 401 ? "unauthorized" : "interrupted");
        retryAfterMs = asked ?? 0;
      }
      const backoffMs = Math.min(maxPauseMs, 500 * 2 ** failures) * (0.5 + Math.random() / 2);
      await pause(Math.max(retryAfterMs, backoffMs));
    }
    onState("closed");
  })();
}

/** Watches, until `closing`, whether the browser is online and whether the page has been in the background for a minute. */
function onPageChange(
  { closing, keepInBackground }: ConnectionOptions,
  react: { leave: () => void; return: () => void; lose: () => void },
): void {
  // Outside of a page, for example in a test or a worker, there is none.
  const page = globalThis.document as Document | undefined;
  let leaving: ReturnType<typeof setTimeout> | undefined;
  const look = () => {
    clearTimeout(leaving);
    if (page?.visibilityState !== "hidden") react.return();
    else if (!keepInBackground) leaving = setTimeout(react.leave, backgroundMs);
  };
  closing.addEventListener("abort", () => clearTimeout(leaving));
  const options = { signal: closing };
  globalThis.addEventListener?.("online", look, options);
  globalThis.addEventListener?.("offline", react.lose, options);
  page?.addEventListener("visibilitychange", look, options);
  look();
}

/** Reads one stream to its end. Throws if it could not be opened, breaks off, brings nothing, or is silent for too long. */
async function readStream(
  { requests, closing, lastId, onEvent, onState }: ConnectionOptions,
  attempt: AbortController,
  onOpen: () => void,
): Promise<void> {
  let isOpen = false;
  let silence = setTimeout(() => attempt.abort(), silenceMs);
  const signal = AbortSignal.any([closing, attempt.signal]);
  try {
    const last = lastId();
    const { body } = await requests.send("v1/me/inbox/stream", {
      signal,
      headers: { accept: "text/event-stream", ...(last !== null && { "last-event-id": last }) },
    });
    const reader = body?.pipeThrough(new TextDecoderStream(), { signal }).getReader();
    const readEvents = createEventReader();
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true };
      if (done) break;
      clearTimeout(silence);
      silence = setTimeout(() => attempt.abort(), silenceMs);
      for (const event of readEvents(value ?? "")) {
        if (!isOpen) {
          isOpen = true;
          onOpen();
          onState("live");
        }
        onEvent(event);
      }
    }
  } finally {
    clearTimeout(silence);
    attempt.abort();
  }
  if (!isOpen) throw new InboxError(0, "The stream ended before its first event.");
}

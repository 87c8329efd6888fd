import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect, useSyncExternalStore } from "react";
import { onSignedIn } from "./signed-out.ts";
import { findStaleSince } from "./staleness.ts";

/**
 * Whether changes arrive by themselves. `delayed`: the stream cannot be opened, for example behind a proxy that buffers, so what is
 * shown is read again every few seconds.
 */
type Liveness = "connecting" | "live" | "delayed";

/** The queries that are out of date when something of a topic has changed, by the first part of their keys. */
const affected: Record<string, readonly string[]> = {
  deliveries: [
    "deliveries",
    "delivery",
    "explanation",
    "notification",
    "notifications",
    "progress",
    "queues",
    "timeline",
    "events",
  ],
  campaigns: ["campaigns", "campaign", "progress"],
  queues: ["queues"],
  health: ["health", "providers"],
  alerts: ["alerts"],
};

const streamUrl = `/v1/stream?topics=${Object.keys(affected).join(",")}`;
const pollMs = 5_000;
const reopenMs = 15_000;
/** How often the page is brought up to date at most: a busy system changes all the time. */
const calmMs = 1_000;
/** How long a hidden page keeps the stream. */
const hiddenMs = 60_000;

type Message =
  | { kind: "changed"; topic: string }
  | { kind: "liveness"; liveness: Liveness }
  | { kind: "signed-in" };

let liveness: Liveness = "connecting";
const listeners = new Set<() => void>();

function setLiveness(next: Liveness): void {
  if (liveness === next) return;
  liveness = next;
  for (const listener of listeners) listener();
}

export const useLiveness = () =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => liveness,
  );

/** Reads what is shown again when the API says that it has changed, as long as the component is shown. */
export function useLive(): void {
  const client = useQueryClient();
  useEffect(() => {
    const live = startLive(client);
    return () => live.stop();
  }, [client]);
}

/**
 * Of all tabs of a browser one has the stream and tells the others, because a browser opens only about six connections to an origin,
 * and a stream would use up one for each tab.
 */
function startLive(client: QueryClient) {
  const stopped = new AbortController();
  const channel = new BroadcastChannel("tidings-console-live");
  const changed = new Set<string>();
  let flushing: ReturnType<typeof setTimeout> | undefined;
  let hiding: ReturnType<typeof setTimeout> | undefined;
  let stream: EventSource | null = null;
  let isLeader = false;

  function flush(): void {
    flushing = undefined;
    const keys = new Set([...changed].flatMap((topic) => affected[topic] ?? []));
    changed.clear();
    void client.invalidateQueries({ predicate: ({ queryKey }) => keys.has(String(queryKey[0])) });
  }

  function receive(message: Message): void {
    if (message.kind === "liveness") return setLiveness(message.liveness);
    if (message.kind === "signed-in") {
      // The stream belongs to the session with which it was opened, and ends with it.
      close();
      return open();
    }
    changed.add(message.topic);
    flushing ??= setTimeout(flush, calmMs);
  }

  function announce(message: Message): void {
    receive(message);
    channel.postMessage(message);
  }

  function open(): void {
    if (!isLeader || stream || document.hidden || stopped.signal.aborted) return;
    const opened = new EventSource(streamUrl);
    stream = opened;
    opened.addEventListener("open", () => {
      announce({ kind: "liveness", liveness: "live" });
      // Something may have changed while there was no stream.
      void client.invalidateQueries();
    });
    opened.addEventListener("changed", ({ data }: MessageEvent<string>) => {
      const { topic } = JSON.parse(data) as { topic: string };
      announce({ kind: "changed", topic });
    });
    opened.addEventListener("error", () => {
      // Reading shows whether the API is gone, or only its stream.
      if (liveness === "live") void client.invalidateQueries();
      announce({ kind: "liveness", liveness: "delayed" });
      if (opened.readyState !== EventSource.CLOSED) return;
      close();
      setTimeout(open, reopenMs);
    });
  }

  function close(): void {
    stream?.close();
    stream = null;
  }

  const onVisibility = () => {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(close, hiddenMs);
    else open();
  };
  channel.addEventListener("message", ({ data }: MessageEvent<Message>) => receive(data));
  document.addEventListener("visibilitychange", onVisibility);
  const forgetSignIns = onSignedIn(() => announce({ kind: "signed-in" }));
  const polling = setInterval(() => {
    const isBehind = liveness === "delayed" || findStaleSince(client) !== null;
    if (isBehind && !document.hidden) void client.invalidateQueries();
  }, pollMs);

  const lead = () => {
    isLeader = true;
    open();
    return new Promise<void>((resolve) =>
      stopped.signal.addEventListener("abort", () => resolve()),
    );
  };
  if ("locks" in navigator)
    navigator.locks
      .request("tidings-console-live", { signal: stopped.signal }, lead)
      .catch(() => {});
  else void lead();
  // Another tab has the stream, and says so if it is delayed.
  const following = setTimeout(() => !isLeader && setLiveness("live"), calmMs);

  return {
    stop() {
      stopped.abort();
      forgetSignIns();
      close();
      for (const timer of [flushing, hiding, following]) clearTimeout(timer);
      clearInterval(polling);
      document.removeEventListener("visibilitychange", onVisibility);
      channel.close();
    },
  };
}

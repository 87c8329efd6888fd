import { Agent, get, type IncomingMessage } from "node:http";
import { once } from "node:events";

/** Streams of the inboxes of many recipients, each over a connection of its own. */
export interface InboxStreams {
  /** The number of streams that have not ended. */
  open(): number;
  /** Resolves with the instant in milliseconds of `performance.now()` at which the nth stream brings its next item. */
  nextItem(n: number): Promise<number>;
  /** Items that a stream brought more than once. */
  duplicated(): number;
  close(): void;
}

/** The number of streams that are opened at once. */
const callers = 16;

/**
 * Opens a stream for each token, and resolves when each has brought its first event.
 * @param url the address of the API
 */
export async function openInboxStreams(
  url: string,
  tokens: readonly string[],
): Promise<InboxStreams> {
  const agent = new Agent({ maxSockets: Infinity });
  const waiting = new Map<number, (at: number) => void>();
  const seen = new Set<string>();
  const ends: (() => void)[] = [];
  let open = 0;
  let duplicated = 0;

  function notice(n: number, event: string): void {
    if (!/^event: ?item$/m.test(event)) return;
    const at = performance.now();
    const [, id = ""] = /^id: ?(.+)$/m.exec(event) ?? [];
    if (seen.has(id)) duplicated += 1;
    seen.add(id);
    waiting.get(n)?.(at);
    waiting.delete(n);
  }

  async function begin(n: number): Promise<void> {
    const request = get(new URL("/v1/me/inbox/stream", url), {
      agent,
      headers: { authorization: `Bearer ${tokens[n]!}`, accept: "text/event-stream" },
    });
    const [response] = (await once(request, "response")) as [IncomingMessage];
    if (response.statusCode !== 200) {
      response.resume();
      throw new Error(`a stream of an inbox was answered with ${response.statusCode}`);
    }
    let unread = "";
    open += 1;
    ends.push(() => request.destroy());
    response.setEncoding("utf8");
    response.on("error", () => {});
    response.once("close", () => (open -= 1));
    response.on("data", (chunk: string) => {
      unread += chunk;
      for (let end; (end = unread.indexOf("\n\n")) !== -1; unread = unread.slice(end + 2))
        notice(n, unread.slice(0, end));
    });
    await once(response, "data");
  }

  let next = 0;
  const caller = async () => {
    while (next < tokens.length) await begin(next++);
  };
  try {
    await Promise.all(Array.from({ length: callers }, caller));
  } catch (error) {
    for (const end of ends) end();
    throw error;
  }

  return {
    open: () => open,
    nextItem: (n) => new Promise((resolve) => waiting.set(n, resolve)),
    duplicated: () => duplicated,
    close() {
      for (const end of ends) end();
      agent.destroy();
    },
  };
}

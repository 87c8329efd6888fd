import { WebSocket } from "ws";
import { z } from "zod";

/** A connection to a browser by WebDriver BiDi. */
export interface BidiSession {
  /** Sends a command and resolves with its result. Rejects if the browser refuses it, or has gone. */
  send(method: string, params?: Record<string, unknown>): Promise<unknown>;
  /**
   * Runs the body of an async function in a document, and resolves with what it returns as JSON. Rejects if it throws.
   * @param context the id of the browsing context of the document
   */
  run(context: string, body: string): Promise<unknown>;
  close(): void;
}

const answer = z.object({
  id: z.number().nullish(),
  type: z.string(),
  result: z.unknown(),
  error: z.string().optional(),
  message: z.string().optional(),
});

const evaluation = z.discriminatedUnion("type", [
  z.object({ type: z.literal("success"), result: z.object({ value: z.string().optional() }) }),
  z.object({ type: z.literal("exception"), exceptionDetails: z.object({ text: z.string() }) }),
]);

interface Waiting {
  resolve: (result: unknown) => void;
  reject: (error: Error) => void;
}

/** @param url the address that the browser listens on */
export async function connectBidi(url: string): Promise<BidiSession> {
  const socket = new WebSocket(`${url}/session`);
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  const waiting = new Map<number, Waiting>();
  let sent = 0;

  socket.on("message", (data) => {
    const { id, type, result, error, message } = answer.parse(
      JSON.parse((data as Buffer).toString()),
    );
    // Events have no id.
    const asked = waiting.get(id ?? -1);
    waiting.delete(id ?? -1);
    if (type === "error") asked?.reject(new Error(`${error}: ${message}`));
    else asked?.resolve(result);
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    for (const { reject } of waiting.values()) reject(new Error("the browser has gone"));
    waiting.clear();
  });

  const send = (method: string, params: Record<string, unknown> = {}) =>
    new Promise<unknown>((resolve, reject) => {
      if (socket.readyState !== WebSocket.OPEN) return reject(new Error("the browser has gone"));
      const id = ++sent;
      waiting.set(id, { resolve, reject });
      socket.send(JSON.stringify({ id, method, params }));
    });

  return {
    send,
    async run(context, body) {
      const found = evaluation.parse(
        await send("script.evaluate", {
          expression: `(async () => JSON.stringify(await (async () => { ${body} })()))()`,
          target: { context },
          awaitPromise: true,
          userActivation: true,
        }),
      );
      if (found.type === "exception") throw new Error(found.exceptionDetails.text);
      const { value } = found.result;
      return value === undefined ? undefined : (JSON.parse(value) as unknown);
    },
    close: () => socket.terminate(),
  };
}

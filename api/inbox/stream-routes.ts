import { z } from "@hono/zod-openapi";
import { parsePublicId } from "../../domain/ids.ts";
import { exampleIdOf } from "../http/path-ids.ts";
import { createRouter, defineRoute, problemResponse } from "../http/router.ts";
import type { Services } from "../services.ts";

const headers = z.object({
  "last-event-id": z
    .string()
    .transform((id, context): string => {
      const uuid = parsePublicId("inboxItem", id);
      if (uuid !== null) return uuid;
      context.addIssue({ code: "custom", message: "must be the id of an item" });
      return z.NEVER;
    })
    .optional()
    .openapi({
      type: "string",
      description:
        "The newest item that the client knows, to get the items that arrived after it first: at most 100. If there are more, or if that item was removed, the stream has an event `reset`, upon which the client loads the list again",
      example: exampleIdOf("inboxItem"),
    }),
});

const open = defineRoute({
  method: "get",
  path: "/v1/me/inbox/stream",
  access: "recipient",
  purpose: "inbox",
  class: "stream",
  summary: "Receive the changes of my inbox as Server-Sent Events",
  description:
    "Events: `counts` (first, and after each change), `item` (a new item, with its id), `changed` (the state of an item), `read-all` and `seen-all` (all items up to one were marked), `reset`, and `heartbeat` every 25 seconds with the counts. A client whose counts differ has missed a change and loads the list again. The stream ends when the token expires or is revoked.",
  request: { headers },
  responses: {
    200: {
      description: "The events, until the client or the server ends the connection",
      content: { "text/event-stream": { schema: z.string() } },
    },
    ...problemResponse,
  },
});

const streamHeaders = {
  "Content-Type": "text/event-stream; charset=utf-8",
  "Cache-Control": "no-store",
  // nginx would otherwise keep events back until it has a buffer full of them.
  "X-Accel-Buffering": "no",
};

/** The route by which recipients follow their inbox. */
export function inboxStreamRoutes({ inboxStreams }: Services) {
  return createRouter().openapi(open, async (c) => {
    // Nobody would read the stream.
    if (c.req.method === "HEAD") return c.body(null, 200, streamHeaders);
    const { epoch, expiresAt } = c.get("recipientToken");
    const after = c.req.valid("header")["last-event-id"] ?? null;
    const recipientId = c.get("recipientId");
    const stream = await inboxStreams.open({ recipientId, epoch, expiresAt, after });
    const { signal } = c.req.raw;
    signal.addEventListener("abort", () => stream.end(), { once: true });
    if (signal.aborted) stream.end();
    return c.body(stream.body, 200, streamHeaders);
  });
}

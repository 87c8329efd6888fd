import { z } from "@hono/zod-openapi";
import { parsePublicId } from "../../domain/ids.ts";
import { answerWithStream } from "../http/event-stream.ts";
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

/** The route by which recipients follow their inbox. */
export function inboxStreamRoutes({ inboxStreams }: Services) {
  return createRouter().openapi(open, (c) =>
    answerWithStream(c, () => {
      const { epoch, expiresAt } = c.get("recipientToken");
      const after = c.req.valid("header")["last-event-id"] ?? null;
      return inboxStreams.open({ recipientId: c.get("recipientId"), epoch, expiresAt, after });
    }),
  );
}

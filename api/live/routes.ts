import { z } from "@hono/zod-openapi";
import { includesScope, type Scope } from "../../domain/scope.ts";
import { answerWithStream } from "../http/event-stream.ts";
import { oneOrMore } from "../http/pages.ts";
import { Problem } from "../http/problem.ts";
import { createRouter, defineRoute, problemResponse } from "../http/router.ts";
import type { Services } from "../services.ts";
import { type Topic, topics } from "./change-feed.ts";

/** The scope with which a caller may read what a topic is about. */
const scopeOfTopic: Record<Topic, Scope> = {
  campaigns: "campaigns:read",
  deliveries: "deliveries:read",
  queues: "operations:read",
  health: "operations:read",
  alerts: "operations:read",
};

const open = defineRoute({
  method: "get",
  path: "/v1/stream",
  access: "viewer",
  class: "stream",
  summary: "Receive hints about what has changed as Server-Sent Events",
  description:
    "Events: `ready` (first: load what you show now) and `changed` with `{topic, ids, more}`, at most one a second for each topic. `ids` are at most 100 campaigns or deliveries, or names of queues; `more` says that others have changed too. Hints may come late or without ids, so load what you show again when they come, and from time to time. A comment every 15 seconds shows that the stream is alive. It ends with the session or the key. A session may have 4 streams.",
  request: {
    query: z.object({
      topics: oneOrMore(topics).openapi({
        description: "What to follow, separated by commas",
        example: ["campaigns", "health"],
      }),
    }),
  },
  responses: {
    200: {
      description: "The events, until the client or the server ends the connection",
      content: { "text/event-stream": { schema: z.string() } },
    },
    ...problemResponse,
  },
});

/** The route by which consoles follow what changes. */
export function liveRoutes({ liveStreams }: Services) {
  return createRouter().openapi(open, (c) => {
    const wanted = new Set(c.req.valid("query").topics);
    const { id, scopes } = c.get("caller");
    const lacking = [...wanted].find((topic) => !includesScope(scopes, scopeOfTopic[topic]));
    if (lacking)
      throw new Problem(
        "forbidden",
        `The topic ${lacking} needs the scope ${scopeOfTopic[lacking]}. Your key is limited to ${scopes?.join(", ")}.`,
      );
    const owner = c.get("session")?.id ?? id;
    const isStillValid = c.get("isStillValid");
    return answerWithStream(c, async () =>
      liveStreams.open({ owner, topics: wanted, isStillValid }),
    );
  });
}

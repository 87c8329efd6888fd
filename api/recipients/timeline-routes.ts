import { z } from "@hono/zod-openapi";
import {
  findRecipientState,
  type RecipientState,
  readRecipientStates,
} from "../../ledger/recipient-snapshot.ts";
import { recipientParams, refuseAbsent } from "./store.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import { timelineAnswer, timelineOf } from "./timeline.ts";
import type { Services } from "../services.ts";

const query = z.object({
  digests: z.coerce
    .number("must be a whole number from 1 to 50")
    .int()
    .min(1)
    .max(50)
    .default(7)
    .openapi({ description: "The number of next digests to show", example: 7 }),
});

const get = defineRoute({
  method: "get",
  path: "/v1/recipients/{recipient}/timeline",
  access: "viewer",
  summary: "Get the waiting messages of a recipient, and the times of their next digests",
  request: { params: recipientParams, query },
  responses: responses(200, "The timeline", timelineAnswer),
});

const getMine = defineRoute({
  method: "get",
  path: "/v1/me/timeline",
  access: "recipient",
  summary: "Get my waiting messages, and the times of my next digests",
  request: { query },
  responses: responses(200, "The timeline", timelineAnswer),
});

export function timelineRoutes({ pool, clock, routes, readPolicySnapshot }: Services) {
  async function readTimeline(person: RecipientState | null | undefined, digests: number) {
    refuseAbsent(person);
    const now = clock().getTime();
    return timelineOf({ pool, routes }, await readPolicySnapshot(), person, { now, digests });
  }

  return createRouter()
    .openapi(get, async (c) => {
      const person = await findRecipientState(pool, c.req.valid("param").recipient);
      return c.json(await readTimeline(person, c.req.valid("query").digests), 200);
    })
    .openapi(getMine, async (c) => {
      const id = c.get("recipientId");
      const person = (await readRecipientStates(pool, [id])).get(id);
      return c.json(await readTimeline(person, c.req.valid("query").digests), 200);
    });
}

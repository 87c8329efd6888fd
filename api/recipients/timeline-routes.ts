import { z } from "@hono/zod-openapi";
import {
  findRecipientState,
  type RecipientState,
  readRecipientStates,
} from "../../ledger/recipient-snapshot.ts";
import { dayMs } from "../../domain/time/durations.ts";
import { instantParameter } from "../http/pages.ts";
import { invalid } from "../http/problem.ts";
import { recipientParams, refuseAbsent } from "./store.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import { maxRangeDays, type TimeRange } from "./timeline-range.ts";
import { timelineAnswer, timelineOf } from "./timeline.ts";
import type { Services } from "../services.ts";

const query = {
  digests: z.coerce
    .number("must be a whole number from 1 to 50")
    .int()
    .min(1)
    .max(50)
    .default(7)
    .openapi({ description: "The number of next digests to show", example: 7 }),
};

const rangeQuery = {
  ...query,
  from: instantParameter.optional().openapi({
    description: `Also show what was and will be from the day of this instant, in the recipient’s time zone. It needs \`until\`, which may be at most ${maxRangeDays} days later`,
    example: "2027-03-26T00:00:00Z",
  }),
  until: instantParameter.optional().openapi({
    description: "The instant before which the last day begins",
    example: "2027-04-02T00:00:00Z",
  }),
};

const get = defineRoute({
  method: "get",
  path: "/v1/recipients/{recipient}/timeline",
  access: "viewer",
  summary: "Get the waiting messages of a recipient, and the times of their next digests",
  description:
    "With `from` and `until`, `range` has the days between them with the times of quiet, the digests, and the deliveries that have ended.",
  request: { params: recipientParams, query: z.object(rangeQuery) },
  responses: responses(200, "The timeline", timelineAnswer),
});

const getMine = defineRoute({
  method: "get",
  path: "/v1/me/timeline",
  access: "recipient",
  summary: "Get my waiting messages, and the times of my next digests",
  request: { query: z.object(query) },
  responses: responses(200, "The timeline", timelineAnswer),
});

export function timelineRoutes({ pool, clock, routes, readPolicySnapshot }: Services) {
  async function readTimeline(
    person: RecipientState | null | undefined,
    shown: { digests: number; range: TimeRange | null },
  ) {
    refuseAbsent(person);
    const now = clock().getTime();
    return timelineOf({ pool, routes }, await readPolicySnapshot(), person, { now, ...shown });
  }

  return createRouter()
    .openapi(get, async (c) => {
      const { digests, from, until } = c.req.valid("query");
      const range = checkRange(from, until);
      const person = await findRecipientState(pool, c.req.valid("param").recipient);
      return c.json(await readTimeline(person, { digests, range }), 200);
    })
    .openapi(getMine, async (c) => {
      const id = c.get("recipientId");
      const person = (await readRecipientStates(pool, [id])).get(id);
      const { digests } = c.req.valid("query");
      return c.json(await readTimeline(person, { digests, range: null }), 200);
    });
}

/** Checks the time of a timeline; null if none was given. Throws a problem if it has no end, or is empty or too long. */
function checkRange(from: Date | undefined, until: Date | undefined): TimeRange | null {
  const refuse = (field: string, message: string) => invalid([{ in: "query", field, message }]);
  if (from === undefined && until === undefined) return null;
  if (from === undefined) throw refuse("from", "must be given together with until");
  if (until === undefined) throw refuse("until", "must be given together with from");
  const [begin, end] = [from.getTime(), until.getTime()];
  if (end <= begin) throw refuse("until", "must be after from");
  if (end - begin > maxRangeDays * dayMs)
    throw refuse("until", `must be at most ${maxRangeDays} days after from`);
  return { from: begin, until: end };
}

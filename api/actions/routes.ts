import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { describeError } from "../../config/describe-error.ts";
import {
  toConfirmationPage,
  linkHeaders,
  pageHeaders,
  toQuestionPage,
  renderPage,
} from "./pages.ts";
import { type ActionOutcome, createPerformer, readAction } from "./perform.ts";
import type { ApiEnv } from "../http/context.ts";
import { toDatabaseProblem } from "../http/database-errors.ts";
import { Problem, problemDetails } from "../http/problem.ts";
import { problemTitles } from "../http/problem-kinds.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import type { Services } from "../services.ts";

/** The longest token that is accepted. It is longer than any that is made, of which the target's address is the most. */
const maxToken = 8_000;

const exampleToken =
  "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJkbHZfMDFqZDN2OHF5ZWU3ZnI4eG1jc25oNWhiY2QifQ.c2lnbmF0dXJl";

const token = z
  .string()
  .max(maxToken)
  .regex(/^[A-Za-z0-9_.-]+$/, "is not part of any link that we make")
  .openapi({
    description: "The token: the last part of a link in a message",
    example: exampleToken,
  });

const outcome = z
  .object({
    action: z.enum(["view", "snooze", "complete"]).openapi({ example: "snooze" }),
    deliveries: z.number().int().openapi({
      description: "The deliveries that the action applied to: all members of a group",
      example: 3,
    }),
    until: z.iso.datetime().nullable().openapi({
      description: "For a snooze: when the message is sent again",
      example: "2027-03-01T10:00:00.000Z",
    }),
    url: z
      .string()
      .nullable()
      .openapi({ description: "For a view: the address of the content", example: null }),
  })
  .openapi("ActionOutcome");

const html = { "text/html": { schema: z.string() } };
const json = { "application/json": { schema: outcome } };
/** A failure, which is a page where the request accepts HTML, as a browser's does. */
const failure = (description: string) => ({
  description,
  content: { "application/problem+json": { schema: problemDetails }, ...html },
});

const failures = {
  404: failure("There is no such link"),
  410: failure("It has expired, or what it is about is not kept any more"),
  "5XX": failure("It could not be done: try again later"),
};

const params = z.object({ token });

const follow = defineRoute({
  method: "get",
  path: "/a/{token}",
  access: "public",
  summary: "Follow a link in a message",
  description:
    "A view link redirects to the content and records the view. A snooze or complete link shows a page that asks for confirmation.",
  request: { params },
  responses: {
    200: { description: "A page that asks for confirmation", content: html },
    302: { description: "Redirects to the content" },
    ...failures,
  },
});

const press = defineRoute({
  method: "post",
  path: "/a/{token}",
  access: "public",
  summary: "Perform the action of a link in a message",
  description: "Repeating the request has no second effect.",
  request: { params },
  responses: {
    200: {
      description: "The action was performed. The answer is a page if the request accepts HTML",
      content: { ...json, ...html },
    },
    303: { description: "Redirects to the content" },
    ...failures,
    409: failure("It is done with, and does not come again"),
  },
});

const act = defineRoute({
  method: "post",
  path: "/v1/actions",
  access: "public",
  summary: "Perform the action of a link, for an application that shows the message itself",
  description:
    "The token in the body authorises the request. Repeating the request has no second effect.",
  request: { body: jsonContent(z.strictObject({ token })) },
  responses: responses(200, "The result of the action", outcome),
});

/** The routes by which recipients act on a message. The token in a link authorises them. */
export function actionRoutes(services: Services) {
  const perform = createPerformer(services);
  const read = (given: string) => readAction(services, given);

  return createRouter()
    .openapi(follow, (c) =>
      withErrorPage(c, async () => {
        const action = await read(c.req.valid("param").token);
        if (action.action.action !== "view") {
          return c.body(renderPage(toQuestionPage(action.action)), 200, pageHeaders);
        }
        // Nobody looks at what HEAD asks about.
        if (c.req.method !== "HEAD")
          await perform(c, action).catch((error: unknown) => {
            // Who looks again and again is let through, and not noted each time.
            if (error instanceof Problem) return;
            services.logger.warn(
              { requestId: c.get("requestId"), error: describeError(error) },
              "a view could not be noted",
            );
          });
        return c.body(null, 302, { ...linkHeaders, Location: new URL(action.action.url).href });
      }),
    )
    .openapi(press, (c) =>
      withErrorPage(c, async () => {
        const done = await perform(c, await read(c.req.valid("param").token));
        if (!acceptsHtml(c)) return sendOutcome(c, done);
        return done.url === null
          ? c.body(renderPage(toConfirmationPage(done)), 200, pageHeaders)
          : c.body(null, 303, { ...linkHeaders, Location: new URL(done.url).href });
      }),
    )
    .openapi(act, async (c) =>
      sendOutcome(c, await perform(c, await read(c.req.valid("json").token))),
    );
}

const sendOutcome = (c: Context<ApiEnv>, done: ActionOutcome) => c.json(done, 200, linkHeaders);

const acceptsHtml = (c: Context<ApiEnv>) => c.req.header("accept")?.includes("text/html") ?? false;

/** Answers a browser with a page where the work fails; other callers get the problem. */
async function withErrorPage<Answer>(c: Context<ApiEnv>, work: () => Promise<Answer>) {
  try {
    return await work();
  } catch (error) {
    const problem = error instanceof Problem ? error : toDatabaseProblem(error);
    if (problem === null || !acceptsHtml(c)) throw error;
    const [status, title] = problemTitles[problem.kind];
    c.set("problem", problem.kind);
    const page = renderPage(
      problem.kind === "unavailable" || problem.kind === "too-many-requests"
        ? { title, text: "Try it again in a moment." }
        : { title: "It could not be done", text: problem.message },
    );
    return c.body(page, status, pageHeaders);
  }
}

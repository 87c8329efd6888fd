import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { describeError } from "../../config/describe-error.ts";
import { toConfirmationPage, toQuestionPage, toRefusalPage } from "./action-pages.ts";
import { type ActionOutcome, createPerformer, readAction, SnoozeRefusal } from "./perform.ts";
import type { ApiEnv } from "../http/context.ts";
import { Problem } from "../http/problem.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import { acceptsHtml, withErrorPage } from "../recipient-pages/error-page.ts";
import { languageFor } from "../recipient-pages/languages.ts";
import { linkHeaders } from "../recipient-pages/page.ts";
import { describeFailure, pageContent } from "../recipient-pages/responses.ts";
import type { Services } from "../services.ts";

/** The longest token that is accepted, in characters. Every token that Tidings makes is shorter; most of its length is the address of a view. */
const maxToken = 8_000;

const exampleToken =
  "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJkbHZfMDFqZDN2OHF5ZWU3ZnI4eG1jc25oNWhiY2QifQ.c2lnbmF0dXJl";

const token = z
  .string()
  .max(maxToken)
  .regex(/^[A-Za-z0-9_.-]+$/, "is not the token of a link in a message")
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

const json = { "application/json": { schema: outcome } };

const failures = {
  404: describeFailure("The link does not exist"),
  410: describeFailure("The link has expired or was revoked, or its message is no longer stored"),
  "5XX": describeFailure("The action failed. Try again later"),
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
    200: { description: "A page that asks for confirmation", content: pageContent },
    302: { description: "Redirects to the content" },
    ...failures,
  },
});

const press = defineRoute({
  method: "post",
  path: "/a/{token}",
  access: "public",
  // Service workers perform the actions of notifications.
  crossOrigin: true,
  summary: "Perform the action of a link in a message",
  description: "Repeating the request has no second effect.",
  request: { params },
  responses: {
    200: {
      description: "The action was performed. The answer is a page if the request accepts HTML",
      content: { ...json, ...pageContent },
    },
    303: { description: "Redirects to the content" },
    ...failures,
    409: describeFailure(
      "The message cannot be snoozed, because it is done, recalled or was sent again",
    ),
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

/** The routes with which recipients act on a message. The token in a link authorises the request. */
export function actionRoutes(services: Services) {
  const { pages } = services;
  const perform = createPerformer(services);
  async function read(c: Context<ApiEnv>, encoded: string) {
    const action = await readAction(services, encoded);
    if (action.locale !== null) c.set("pageLocale", action.locale);
    return action;
  }

  return createRouter()
    .openapi(follow, (c) =>
      withErrorPage(c, pages, async () => {
        const action = await read(c, c.req.valid("param").token);
        if (action.action.action !== "view") {
          return c.body(
            pages.render(toQuestionPage(action.action, languageFor(c))),
            200,
            pages.headers,
          );
        }
        // A HEAD request shows the content to nobody, so it is not recorded as a view.
        if (c.req.method !== "HEAD")
          await perform(c, action).catch((error: unknown) => {
            // A view that cannot be recorded, for example because there were too many, is still redirected.
            if (error instanceof Problem) return;
            services.logger.warn(
              { requestId: c.get("requestId"), error: describeError(error) },
              "a view could not be recorded",
            );
          });
        return c.body(null, 302, { ...linkHeaders, Location: new URL(action.action.url).href });
      }),
    )
    .openapi(press, (c) =>
      withErrorPage(c, pages, async () => {
        const action = await read(c, c.req.valid("param").token);
        try {
          const result = await perform(c, action);
          if (!acceptsHtml(c)) return sendOutcome(c, result);
          return result.url === null
            ? c.body(pages.render(toConfirmationPage(result, languageFor(c))), 200, pages.headers)
            : c.body(null, 303, { ...linkHeaders, Location: new URL(result.url).href });
        } catch (error) {
          if (!(error instanceof SnoozeRefusal) || !acceptsHtml(c)) throw error;
          c.set("problem", error.kind);
          const page = toRefusalPage(error.why, languageFor(c));
          return c.body(pages.render(page), 409, pages.headers);
        }
      }),
    )
    .openapi(act, async (c) =>
      sendOutcome(c, await perform(c, await read(c, c.req.valid("json").token))),
    );
}

const sendOutcome = (c: Context<ApiEnv>, result: ActionOutcome) => c.json(result, 200, linkHeaders);

import { z } from "@hono/zod-openapi";
import { emailAddress } from "../../domain/recipient.ts";
import { text } from "../../domain/text.ts";
import { networkOf } from "../../lib/network-of.ts";
import { createRouter, defineRoute } from "../http/router.ts";
import { createUseLimit } from "../http/use-limit.ts";
import { withErrorPage } from "../recipient-pages/error-page.ts";
import { languageFor } from "../recipient-pages/languages.ts";
import type { Services } from "../services.ts";
import { toLinkPage, toLinkSentPage } from "./page.ts";
import { createLinkSender } from "./send-link.ts";
import { describeFailure, pageContent } from "../recipient-pages/responses.ts";
import { centreWords } from "./words/words.ts";

/** How many links one network can ask for in a minute. */
const maxAsked = 10;

const failure = describeFailure("It failed, or there were too many requests");
const failures = { "4XX": failure, "5XX": failure };

const show = defineRoute({
  method: "get",
  path: "/p",
  access: "public",
  class: "page",
  summary: "Show the page on which recipients ask for a link to their preferences",
  responses: { 200: { description: "A page with a form", content: pageContent }, ...failures },
});

const ask = defineRoute({
  method: "post",
  path: "/p",
  access: "public",
  summary: "Send the recipients with an email address a link to their preferences",
  description:
    "The answer is the same, and comes as soon, whether the address is known or not. A recipient gets at most one email within ten minutes, and five within 24 hours.",
  request: {
    body: {
      required: true,
      content: {
        "application/x-www-form-urlencoded": {
          schema: z.object({
            email: text(500, 0).default("").openapi({
              description: "The email address",
              example: "ada@example.org",
            }),
          }),
        },
      },
    },
  },
  responses: {
    200: { description: "A page that says so", content: pageContent },
    422: { ...failure, description: "The form again, with what is wrong" },
    ...failures,
  },
});

/** The routes by which recipients get a link to their preferences. */
export function preferenceLinkRoutes(services: Services) {
  const { pages } = services;
  const links = createLinkSender(services);
  const limitUses = createUseLimit();

  return createRouter()
    .openapi(show, (c) => {
      const words = centreWords(languageFor(c));
      return c.body(pages.render(toLinkPage(words, "")), 200, pages.headers);
    })
    .openapi(ask, (c) =>
      withErrorPage(c, pages, async () => {
        limitUses([{ key: networkOf(c.get("address")), max: maxAsked }]);
        const words = centreWords(languageFor(c));
        const { email } = c.req.valid("form");
        const address = emailAddress.safeParse(email.trim());
        if (!address.success) {
          const page = toLinkPage(words, "", { fault: words.wrongEmail, email });
          return c.body(pages.render(page), 422, pages.headers);
        }
        links.toAddress(address.data, c.get("requestId"));
        return c.body(pages.render(toLinkSentPage(words)), 200, pages.headers);
      }),
    );
}

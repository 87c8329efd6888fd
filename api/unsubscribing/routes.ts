import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { createUnsubscribeTokens, type Unsubscription } from "../../domain/unsubscribing.ts";
import { subscriptionChoices } from "../../ledger/change-subscription.ts";
import type { ApiEnv } from "../http/context.ts";
import { Problem } from "../http/problem.ts";
import { createRouter, defineRoute } from "../http/router.ts";
import { acceptsHtml, withErrorPage } from "../recipient-pages/error-page.ts";
import { languageFor } from "../recipient-pages/languages.ts";
import { linkHeaders } from "../recipient-pages/page.ts";
import type { Services } from "../services.ts";
import { createLinkSender } from "../preference-centre/send-link.ts";
import { toConfirmationPage, toLinkSentPage, toSubscriptionPage } from "./pages.ts";
import { describeFailure, pageContent } from "../recipient-pages/responses.ts";
import { createUnsubscribing, type Subscription } from "./perform.ts";

const params = z.object({
  token: z
    .string()
    .max(200)
    .regex(/^[\w-]+$/, "is not the token of a link to unsubscribe")
    .openapi({
      description: "The token: the last part of a link to unsubscribe",
      example: "5QEBk5e2c3VxeJ8n2s1rYwGTl7Zzc3V4ephbaI4Qq6sBk5e2c3VxeJ8n2s1rY0J5cGh5dGhl",
    }),
});

const failures = {
  404: describeFailure("The link does not exist"),
  "5XX": describeFailure("It failed. Try again later"),
};

const show = defineRoute({
  method: "get",
  path: "/u/{token}",
  access: "public",
  summary: "Show the page of a link to unsubscribe",
  description:
    "It changes nothing, so that programs that check the links of a message unsubscribe nobody. Links do not expire. The page is in the recipient's language.",
  request: { params },
  responses: { 200: { description: "A page with a button", content: pageContent }, ...failures },
});

const press = defineRoute({
  method: "post",
  path: "/u/{token}",
  access: "public",
  class: "unsubscribe",
  // The servers of mail programs send it.
  crossOrigin: true,
  summary: "Unsubscribe",
  description:
    "One-click unsubscribing of RFC 8058: the body, such as `List-Unsubscribe=One-Click`, is ignored, and no cookie or redirect is involved. Repeating the request has no second effect. The recipient receives no more email of the notification type that the link names; a link without a type suppresses their address for all email that can be switched off. What waits is decided again.",
  request: {
    params,
    query: z.object({
      choice: z
        .enum([...subscriptionChoices, "link"])
        .default("listed")
        .openapi({
          description:
            "`listed` unsubscribes from what the link names, `all` from all email that can be switched off, and `undo` subscribes again, within 24 hours of the unsubscription. `link` changes nothing: it sends the recipient a link to their preference centre, because this link is for unsubscribing only",
          example: "listed",
        }),
    }),
  },
  responses: {
    200: {
      description: "It is done. The answer is a page if the request accepts HTML, otherwise empty",
      content: { ...pageContent, "text/plain": { schema: z.string() } },
    },
    ...failures,
  },
});

/** The routes of links to unsubscribe. The token in a link authorises the request. */
export function unsubscribeRoutes(services: Services) {
  const { pages } = services;
  const tokens = createUnsubscribeTokens(services.config.tokenSecrets);
  const { read, change } = createUnsubscribing(services);
  const links = createLinkSender(services);
  function verify(token: string): Unsubscription {
    const verified = tokens.verify(token);
    if (verified === null)
      throw new Problem("not-found", "This link does not exist. Check that it is complete.");
    return verified;
  }

  return createRouter()
    .openapi(show, (c) =>
      withErrorPage(c, pages, async () => {
        const subscription = await read(verify(c.req.valid("param").token));
        const page = toSubscriptionPage(subscription, languageOfOwner(c, subscription));
        return c.body(pages.render(page), 200, pages.headers);
      }),
    )
    .openapi(press, (c) =>
      withErrorPage(c, pages, async () => {
        const named = verify(c.req.valid("param").token);
        const { choice } = c.req.valid("query");
        if (choice === "link") {
          const subscription = await read(named);
          if (subscription.isReachable)
            await links.toRecipient(named.recipientId, c.get("requestId"));
          const page = toLinkSentPage(languageOfOwner(c, subscription));
          return c.body(pages.render(page), 200, pages.headers);
        }
        const subscription = await change(c, named, choice);
        return acceptsHtml(c)
          ? c.body(
              pages.render(toConfirmationPage(subscription, languageOfOwner(c, subscription))),
              200,
              pages.headers,
            )
          : c.body("", 200, { ...linkHeaders, "Content-Type": "text/plain; charset=utf-8" });
      }),
    );
}

/** The language of the page for the owner of a link; that of the browser if nothing is known of them any more. */
function languageOfOwner(c: Context<ApiEnv>, { locale }: Subscription) {
  if (locale !== null) c.set("pageLocale", locale);
  return languageFor(c);
}

import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { createConfirmationTokens } from "../../domain/sign-up-tokens.ts";
import type { ApiEnv } from "../http/context.ts";
import { Problem } from "../http/problem.ts";
import { createRouter, defineRoute } from "../http/router.ts";
import { withErrorPage } from "../recipient-pages/error-page.ts";
import { languageFor } from "../recipient-pages/languages.ts";
import type { Page } from "../recipient-pages/page.ts";
import type { Services } from "../services.ts";
import { type Confirming, createConfirming } from "./confirm.ts";
import { describeFailure, pageContent } from "../recipient-pages/responses.ts";
import { signUpWordsFor } from "./words.ts";

const params = z.object({
  token: z
    .string()
    .max(300)
    .regex(/^[\w-]+$/, "is not the token of a link to confirm")
    .openapi({
      description: "The token: the last part of a link to confirm a subscription",
      example: "5QEBk5e2c3VxeJ8n2s1rYwGTl7Zzc3V4ephbaI4Qq6sBk5e2c3VxeJ8n2s1rY0J5cGh5dGhl",
    }),
});
const failures = {
  404: describeFailure("The link does not exist"),
  "5XX": describeFailure("It failed. Try again later"),
};
const page = { 200: { description: "A page", content: pageContent }, ...failures };

const show = defineRoute({
  method: "get",
  path: "/c/{token}",
  access: "public",
  summary: "Show the page of a link that confirms a subscription",
  description:
    "It changes nothing, so that programs that check the links of a message confirm nothing. Links confirm for 7 days.",
  request: { params },
  responses: page,
});

const press = defineRoute({
  method: "post",
  path: "/c/{token}",
  access: "public",
  class: "unsubscribe",
  summary: "Confirm a subscription",
  description:
    "Repeating the request has no second effect. A link confirms nothing once it is older than 7 days, its recipient has unsubscribed or was erased, or has another address. An address that unsubscribed from all email receives it again; one that bounced, or whose owner complained, does not.",
  request: { params },
  responses: page,
});

function toPage(c: Context<ApiEnv>, { locale, state, names }: Confirming): Page {
  if (locale !== null) c.set("pageLocale", locale);
  const words = signUpWordsFor(languageFor(c));
  const fill = (pattern: string) => pattern.replace("{topics}", () => names.join(", "));
  const { lang } = words;
  if (state === "void") return { lang, title: words.voidTitle, texts: [words.void], buttons: [] };
  if (state === "done")
    return { lang, title: words.confirmedTitle, texts: [fill(words.confirmed)], buttons: [] };
  return {
    lang,
    title: words.confirmTitle,
    texts: [fill(words.confirmAsks)],
    buttons: [{ text: words.confirm }],
  };
}

/** The routes of links that confirm subscriptions. The token in a link authorises the request. */
export function confirmRoutes(services: Services) {
  const { clock, config, pages } = services;
  const tokens = createConfirmationTokens(config.tokenSecrets);
  const { read, confirm } = createConfirming(services);
  function verify(token: string) {
    const link = tokens.verify(token, clock());
    if (link === null)
      throw new Problem("not-found", "This link does not exist. Check that it is complete.");
    return link;
  }

  return createRouter()
    .openapi(show, (c) =>
      withErrorPage(c, pages, async () => {
        const confirming = await read(verify(c.req.valid("param").token));
        return c.body(pages.render(toPage(c, confirming)), 200, pages.headers);
      }),
    )
    .openapi(press, (c) =>
      withErrorPage(c, pages, async () => {
        const confirming = await confirm(c, verify(c.req.valid("param").token));
        return c.body(pages.render(toPage(c, confirming)), 200, pages.headers);
      }),
    );
}

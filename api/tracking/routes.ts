import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { findSuspicion } from "../../domain/tracking/judging.ts";
import { createTrackingTokens } from "../../domain/tracking/tokens.ts";
import type { ActionTarget } from "../../domain/tokens.ts";
import { executeOn } from "../../ledger/sql.ts";
import type { ApiEnv } from "../http/context.ts";
import { Problem } from "../http/problem.ts";
import { createRouter, defineRoute } from "../http/router.ts";
import { createUseLimit } from "../http/use-limit.ts";
import { withErrorPage } from "../recipient-pages/error-page.ts";
import { errorWords } from "../recipient-pages/error-words.ts";
import type { PageLanguage } from "../../domain/page-languages.ts";
import { languageFor } from "../recipient-pages/languages.ts";
import { linkHeaders, type Page } from "../recipient-pages/page.ts";
import type { Services } from "../services.ts";
import { describeFailure, pageContent } from "../recipient-pages/responses.ts";
import { followRedirectSwitch } from "./redirect-switch.ts";

/** A transparent image of one pixel. */
const pixel = Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "base64");

/** The hits on one address that are recorded in a minute. Further ones are answered all the same. */
const recordedInMinute = 60;

const token = z.string().max(100).openapi({
  description: "The token of the message: a part of the address in it",
  example: "qQABk5e2c3VxeJ8n2s1rYwGT5Zzc3V4ephbaI4",
});

const notFound = describeFailure("Tidings has not made this address");

const open = defineRoute({
  method: "get",
  path: "/t/o/{token}",
  access: "public",
  class: "tracking",
  summary: "Get the image by which it is known that a message was opened",
  description:
    "Emails with tracked opens contain it. The answer is the same for every message, and does not wait for the database. No cookie is set, and no address is recorded.",
  request: { params: z.object({ token }) },
  responses: {
    200: {
      description: "A transparent image of one pixel",
      content: { "image/gif": { schema: z.string().openapi({ format: "binary" }) } },
    },
    404: notFound,
  },
});

const click = defineRoute({
  method: "get",
  path: "/t/c/{token}/{link}",
  access: "public",
  class: "tracking",
  summary: "Follow a link of a message",
  description:
    "Redirects to the target of a tracked link, which is a signed part of the address: an address that was changed leads nowhere. It works without the database. No cookie is set, and no address is recorded.",
  request: {
    params: z.object({
      token,
      link: z.string().max(2_200).openapi({
        description: "The signed link, which contains its target",
        example: "qQAAAAABaHR0cHM6Ly9zaG9wLmV4YW1wbGUub3JnL0zc3V4ephbaI4",
      }),
    }),
  },
  responses: {
    302: { description: "The target is in `Location`" },
    200: {
      description: "The link that no person sees leads nowhere",
      content: pageContent,
    },
    404: notFound,
    410: describeFailure("The links of the campaign or of the notification type were switched off"),
  },
});

/** The routes of what is tracked of emails. The token in an address authorises the request. */
export function trackingRoutes({ config, clock, hits, hub, pages, publicPool }: Services) {
  const tokens = createTrackingTokens(config.tokenSecrets);
  const redirects = followRedirectSwitch(executeOn(publicPool));
  hub.whenClosed(() => redirects.stop());
  const limitUses = createUseLimit();

  function record(
    c: Context<ApiEnv>,
    message: ActionTarget,
    kind: "open" | "click",
    link: number | null,
  ): void {
    const id = "group" in message ? message.group : message.delivery;
    try {
      limitUses([{ key: `${kind} ${id}`, max: recordedInMinute }]);
    } catch (error) {
      if (error instanceof Problem) return;
      throw error;
    }
    const userAgent = c.req.header("user-agent");
    const suspicion = findSuspicion({ method: c.req.method, userAgent, link });
    hits.add({ message, kind, link, atMs: clock().getTime(), suspicion });
  }

  return createRouter()
    .openapi(open, (c) =>
      withErrorPage(c, pages, async () => {
        const message = tokens.verifyMessage(
          "open",
          c.req.valid("param").token.replace(/\.gif$/, ""),
        );
        if (message === null) throw unknownAddress();
        record(c, message, "open", null);
        return c.body(pixel, 200, { ...linkHeaders, "Content-Type": "image/gif" });
      }),
    )
    .openapi(click, (c) =>
      withErrorPage(c, pages, async () => {
        const named = c.req.valid("param");
        const message = tokens.verifyMessage("click", named.token);
        const link = tokens.verifyLink(named.link);
        if (message === null || link === null) throw unknownAddress();
        const { switchId, number, url } = link;
        if (switchId !== null && redirects.isOff(switchId))
          throw new Problem("gone", "The links of this message were switched off.");
        record(c, message, "click", number);
        return url === ""
          ? c.body(pages.render(toNowherePage(languageFor(c))), 200, pages.headers)
          : c.body(null, 302, { ...linkHeaders, Location: url });
      }),
    );
}

const unknownAddress = () =>
  new Problem("not-found", "This link does not exist. Check that it is complete.");

/** Makes the page of the link that no person sees. */
const toNowherePage = (lang: PageLanguage): Page => ({
  lang,
  title: errorWords[lang].nowhereTitle,
  texts: [errorWords[lang].nowhere],
  buttons: [],
  root: "../../../",
});

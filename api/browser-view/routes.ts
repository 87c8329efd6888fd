import { z } from "@hono/zod-openapi";
import { createBrowserTokens } from "../../domain/browser-links.ts";
import { createActionLinks } from "../../domain/action-links.ts";
import { parsePublicId } from "../../domain/ids.ts";
import { findMailingList } from "../../domain/unsubscribing.ts";
import { readSentMessage, type SentMessageRow, wasSent } from "../deliveries/sent-message.ts";
import { Problem } from "../http/problem.ts";
import { createRouter, defineRoute } from "../http/router.ts";
import { createUseLimit } from "../http/use-limit.ts";
import { withErrorPage } from "../recipient-pages/error-page.ts";
import { linkHeaders } from "../recipient-pages/page.ts";
import { describeFailure, pageContent } from "../recipient-pages/responses.ts";
import type { Services } from "../services.ts";

/**
 * The policy of a message in a browser: an origin of its own without scripts and forms. Its styles and images show, and its links open.
 */
const policy = [
  "sandbox allow-popups allow-popups-to-escape-sandbox",
  "default-src 'none'",
  "style-src 'unsafe-inline'",
  "img-src data: https: http:",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** How often one message can be looked at in a minute. */
const looksInMinute = 60;

const show = defineRoute({
  method: "get",
  path: "/m/{token}",
  access: "public",
  summary: "Show an email in a browser",
  description:
    "Emails link to it by `{{ browserUrl }}` in their template. The message is rendered again from the version and the data that were used; links of actions are left out, and nothing is tracked.",
  request: {
    params: z.object({
      token: z.string().max(100).openapi({
        description: "The token: the last part of the link",
        example: "qQABk5e2c3VxeJ8n2s1rYwGT5Zzc3V4ephbaI4",
      }),
    }),
  },
  responses: {
    200: {
      description: "The HTML of the message",
      content: pageContent,
    },
    404: describeFailure("The link does not exist, or the message is no longer kept"),
    410: describeFailure("The data of the message were erased, or the link was revoked"),
    "5XX": describeFailure("It failed. Try again later"),
  },
});

/** The routes of emails in a browser. The token in a link authorises the request. */
export function browserViewRoutes({ config, pages, publicPool, templateRendering }: Services) {
  const { tokenSecrets: secrets, publicUrl } = config;
  const tokens = createBrowserTokens(secrets);
  const links = createActionLinks({ secrets, publicUrl });
  const limitUses = createUseLimit();

  /** Where the recipient unsubscribes; undefined if they cannot. */
  function unsubscribeUrlOf({ id, recipient, ...listed }: SentMessageRow) {
    const list = findMailingList({ ...listed, group: null });
    const recipientId = parsePublicId("recipient", recipient.id)!;
    if (list === null) return undefined;
    const { typeId, topicId } = list;
    return links.forUnsubscribing({ recipientId, typeId, topicId, message: { delivery: id } }).url;
  }

  return createRouter().openapi(show, (c) =>
    withErrorPage(c, pages, async () => {
      const { token } = c.req.valid("param");
      const link = tokens.verify(token);
      if (link === null)
        throw new Problem("not-found", "This link does not exist. Check that it is complete.");
      limitUses([{ key: link.deliveryId, max: looksInMinute }]);
      const row = await readSentMessage(publicPool, link.deliveryId);
      if (row === null || row.channel !== "email" || !wasSent(row))
        throw new Problem("not-found", "This message is no longer available.");
      if (row.erasedAt !== null || row.content === null)
        throw new Problem("gone", "This message is no longer available.");
      if (row.linksEpoch !== link.epoch)
        throw new Problem("expired", "This link has expired or was revoked.");
      const preview = await templateRendering.preview(
        { scope: row.recipient.id },
        "email",
        { id: row.versionId, content: row.content, variables: null },
        row.recipient,
        row.data,
        { unsubscribeUrl: unsubscribeUrlOf(row), browserUrl: `${publicUrl}/m/${token}` },
      );
      if (preview.kind !== "rendered" || preview.message.channel !== "email")
        throw new Problem("gone", "This message is no longer available.");
      return c.body(preview.message.html, 200, {
        ...linkHeaders,
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
      });
    }),
  );
}

import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { createPreferenceTokens, isExpired } from "../../domain/preference-links.ts";
import { recipientCaller } from "../http/auth.ts";
import type { ApiEnv } from "../http/context.ts";
import { Problem } from "../http/problem.ts";
import { problemTitles } from "../http/problem-kinds.ts";
import { createRouter, defineRoute } from "../http/router.ts";
import { eraseRecipient } from "../recipients/erase.ts";
import { createHolderReader } from "../recipients/holders.ts";
import { acceptsHtml, withErrorPage } from "../recipient-pages/error-page.ts";
import { languageFor } from "../recipient-pages/languages.ts";
import { linkHeaders } from "../recipient-pages/page.ts";
import type { Services } from "../services.ts";
import { createUnsubscribing } from "../unsubscribing/perform.ts";
import { type Centre, type Holder, readCentre } from "./centre.ts";
import { forgetLearnt, isPreferenceSection, savePlace, savePreferences } from "./change.ts";
import { exportOwn } from "./export.ts";
import { type Form, formBody, readOne } from "./form.ts";
import { toCentrePage, toErasedPage, toErasurePage, toLinkPage } from "./page.ts";
import { createLinkSender } from "./send-link.ts";
import type { Outcome } from "./shown.ts";
import { saveTopic } from "./topics.ts";
import { describeFailure, pageContent } from "../recipient-pages/responses.ts";
import { centreWords } from "./words/words.ts";

const params = z.object({
  token: z
    .string()
    .max(200)
    .regex(/^[\w-]+$/, "is not the token of a link to preferences")
    .openapi({
      description: "The token: the last part of a link to preferences",
      example: "5QGTl7Zzc3V4ephbaI4Qq6sBAAAAAGpJ0oBk5e2c3VxeJ8n",
    }),
});

const failures = {
  404: describeFailure("The link does not exist"),
  410: describeFailure("The link has expired or was revoked, or the recipient was erased"),
  "4XX": describeFailure("The request is not valid, or there were too many"),
  "5XX": describeFailure("It failed. Try again later"),
};

const shared = { access: "public", class: "selfService" } as const;

const show = defineRoute({
  ...shared,
  method: "get",
  path: "/p/{token}",
  summary: "Show the preference centre of a recipient",
  description:
    "A page in the recipient's language, which works without a script. It changes nothing. Links to it are in emails as `{{ preferencesUrl }}`, work for 90 days, and end when the recipient's links are revoked or their email address is changed.",
  request: { params },
  responses: { 200: { description: "The page", content: pageContent }, ...failures },
});

const change = defineRoute({
  ...shared,
  method: "post",
  path: "/p/{token}",
  summary: "Save a section of the preference centre",
  description:
    "The body is the form of the page. Repeating it has no second effect. Nothing is saved, and the page shows the reason, if a field is not valid (422) or the preferences have changed since the form was shown (409).",
  request: {
    params,
    body: {
      required: true,
      content: { "application/x-www-form-urlencoded": { schema: formBody } },
    },
  },
  responses: {
    200: { description: "The page, which says what was saved", content: pageContent },
    409: { description: "The page, with what was entered", content: pageContent },
    422: describeFailure("The page, with what was entered and its faults"),
    ...failures,
  },
});

const download = defineRoute({
  ...shared,
  method: "get",
  path: "/p/{token}/export",
  summary: "Download everything that is known of a recipient",
  description:
    "Only with a link that was made within a day, in the email that the recipient has asked for.",
  request: { params },
  responses: {
    200: {
      description: "A file: the recipient, their preferences, devices and messages",
      content: { "application/json": { schema: z.object({}).loose() } },
    },
    ...failures,
  },
});

const askErasure = defineRoute({
  ...shared,
  method: "get",
  path: "/p/{token}/erasure",
  summary: "Show the page that asks whether a recipient is to be erased",
  description:
    "Only with a link that was made within a day, in the email that the recipient has asked for. It changes nothing.",
  request: { params },
  responses: { 200: { description: "A page with a button", content: pageContent }, ...failures },
});

const erase = defineRoute({
  ...shared,
  method: "post",
  path: "/p/{token}/erasure",
  summary: "Erase a recipient at their own request",
  description:
    "As DELETE /v1/recipients/{recipient} does. Only with a link that was made within a day, in the email that the recipient has asked for.",
  request: { params },
  responses: { 200: { description: "A page that confirms it", content: pageContent }, ...failures },
});

/** The routes of the preference centre. The token in a link authorises the request: nothing else is read or changed before it is verified. */
export function preferenceCentreRoutes(services: Services) {
  const { clock, config, pages } = services;
  const tokens = createPreferenceTokens(config.tokenSecrets);
  const holderOf = createHolderReader(services);
  const unsubscribing = createUnsubscribing(services);
  const links = createLinkSender(services);

  /** Verifies a token, and makes its recipient the caller. Throws the problem of a link that is not valid. */
  async function verify(c: Context<ApiEnv>, token: string): Promise<Holder> {
    const link = tokens.verify(token);
    if (link === null)
      throw new Problem("not-found", "This link does not exist. Check that it is complete.");
    const expired = new Problem("expired", "This link has expired or was revoked.");
    const holder = await holderOf(link.recipientId);
    if (holder && !holder.isErased) c.set("pageLocale", holder.locale);
    if (isExpired(link, clock())) throw expired;
    if (holder === null || (holder.epoch !== link.epoch && !holder.isErased)) throw expired;
    if (holder.isErased) throw new Problem("gone", "This recipient was erased.");
    c.set("caller", recipientCaller(link.recipientId));
    return link;
  }

  const read = async (c: Context<ApiEnv>, token: string): Promise<Centre> =>
    readCentre(services, await verify(c, token), (recipientId) =>
      unsubscribing.read({ recipientId, typeId: null, topicId: null }),
    );

  /** Does the work of a request. A browser whose link is too old gets the page on which a new one is asked for. */
  const withPages = <Answer>(c: Context<ApiEnv>, root: string, work: () => Promise<Answer>) =>
    withErrorPage(c, pages, async () => {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof Problem) || !acceptsHtml(c)) throw error;
        const words = centreWords(languageFor(c));
        c.set("problem", error.kind);
        if (error.kind === "gone")
          return c.body(pages.render(toErasedPage(words, root)), 410, pages.headers);
        if (error.kind !== "expired" && error.kind !== "forbidden") throw error;
        const reason = error.kind === "expired" ? words.linkExpired : words.needsNewLink;
        const [status] = problemTitles[error.kind];
        return c.body(pages.render(toLinkPage(words, root, { reason })), status, pages.headers);
      }
    });

  const requireTrusted = (centre: Centre) => {
    if (!centre.isTrusted) throw new Problem("forbidden", centre.words.needsNewLink);
    return centre;
  };

  async function save(c: Context<ApiEnv>, centre: Centre, form: Form): Promise<Outcome> {
    const section = readOne(form, "section") ?? "";
    if (section === "smart" && readOne(form, "forget") !== undefined)
      return forgetLearnt(c, services, centre);
    if (isPreferenceSection(section))
      return savePreferences(c, services, { centre, section, form });
    if (section === "topics") return saveTopic(c, services, centre, form);
    if (section === "place") return savePlace(c, services, centre, form);
    if (section === "all") return saveAll(c, centre, readOne(form, "all"));
    throw new Problem("invalid", "The form names no section of the page.");
  }

  /** Unsubscribes from all email, takes that back, or sends a new link. */
  async function saveAll(
    c: Context<ApiEnv>,
    { recipient, words }: Centre,
    wanted: string | undefined,
  ): Promise<Outcome> {
    const done = {
      section: "all",
      isGood: true,
      undo: null,
      typed: null,
      faults: new Map(),
    } as const;
    if (wanted === "link") {
      await links.toRecipient(recipient.id, c.get("requestId"));
      return { ...done, message: words.linkSent };
    }
    if (wanted !== "stop" && wanted !== "resume")
      throw new Problem("invalid", "The form says nothing that can be done.");
    const choosing = { recipientId: recipient.id, typeId: null, topicId: null, message: null };
    await unsubscribing.change(c, choosing, wanted === "stop" ? "all" : "undo");
    return { ...done, message: words.saved };
  }

  return createRouter()
    .openapi(show, (c) =>
      withPages(c, "../", async () => {
        const { token } = c.req.valid("param");
        const centre = await read(c, token);
        return c.body(
          pages.render(toCentrePage({ token, centre, outcome: null })),
          200,
          pages.headers,
        );
      }),
    )
    .openapi(change, (c) =>
      withPages(c, "../", async () => {
        const { token } = c.req.valid("param");
        const before = await read(c, token);
        const outcome = await save(c, before, c.req.valid("form"));
        const centre = await read(c, token);
        const status = outcome.isGood ? 200 : outcome.faults.size > 0 ? 422 : 409;
        return c.body(
          pages.render(toCentrePage({ token, centre, outcome })),
          status,
          pages.headers,
        );
      }),
    )
    .openapi(download, (c) =>
      withPages(c, "../../", async () => {
        const centre = requireTrusted(await read(c, c.req.valid("param").token));
        return c.body(JSON.stringify(await exportOwn(c, services, centre), null, 2), 200, {
          ...linkHeaders,
          "Content-Type": "application/json",
          "Content-Disposition": 'attachment; filename="notifications.json"',
          "X-Content-Type-Options": "nosniff",
        });
      }),
    )
    .openapi(askErasure, (c) =>
      withPages(c, "../../", async () => {
        const { token } = c.req.valid("param");
        const { org, words } = requireTrusted(await read(c, token));
        return c.body(pages.render(toErasurePage(token, org, words)), 200, pages.headers);
      }),
    )
    .openapi(erase, (c) =>
      withPages(c, "../../", async () => {
        const { recipient, words } = requireTrusted(await read(c, c.req.valid("param").token));
        await eraseRecipient(c, services, { id: recipient.id });
        return c.body(pages.render(toErasedPage(words, "../../")), 200, pages.headers);
      }),
    );
}

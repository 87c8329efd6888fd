import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { emailAddress, localeTag } from "../../domain/recipient.ts";
import { createFormTokens, maxSignUpTopics } from "../../domain/sign-up-tokens.ts";
import { nameText, text } from "../../domain/text.ts";
import { consentTextVersion } from "../../domain/consent.ts";
import { consentSource, publicNameOf, topicKey } from "../../domain/topics.ts";
import { executeOn } from "../../ledger/sql.ts";
import { type KnownTopic, readTopicsByKey } from "../../ledger/topics.ts";
import type { ApiEnv } from "../http/context.ts";
import { Problem } from "../http/problem.ts";
import { createRouter, defineRoute, formContent, jsonContent, responses } from "../http/router.ts";
import { withErrorPage } from "../recipient-pages/error-page.ts";
import { languageFor } from "../recipient-pages/languages.ts";
import type { Services } from "../services.ts";
import { toFormPage } from "./form-page.ts";
import { createSignUpLimits } from "./limits.ts";
import { type SignUp, signUp } from "./sign-up.ts";
import { describeFailure, pageContent } from "../recipient-pages/responses.ts";
import { type SignUpWords, signUpWordsFor } from "./words.ts";

const params = z.object({
  topic: topicKey.meta({ description: "The key of a public topic" }),
});
const query = z.object({
  also: z
    .string()
    .max(500)
    .transform((keys) => keys.split(",").filter((key) => key !== ""))
    .optional()
    .openapi({
      type: "string",
      description: `Keys of up to ${maxSignUpTopics - 1} other public topics that the form offers, separated by commas`,
      example: "offers,events",
    }),
  lang: text(35).optional().openapi({
    description:
      "The language of the form: en, de, fr or es. By default the first that the browser asks for",
    example: "de",
  }),
});
const failures = {
  404: describeFailure("The form does not exist"),
  "4XX": describeFailure("It is refused"),
  "5XX": describeFailure("It failed. Try again later"),
};

const show = defineRoute({
  method: "get",
  path: "/s/{topic}",
  access: "public",
  class: "signUp",
  summary: "Show the form to sign up for a topic",
  description:
    "A page without a script, in English, German, French or Spanish. It changes nothing.",
  request: { params, query },
  responses: { 200: { description: "The form", content: pageContent }, ...failures },
});

const send = defineRoute({
  method: "post",
  path: "/s/{topic}",
  access: "public",
  class: "signUp",
  summary: "Sign up by the form",
  description:
    "Always asks for confirmation by email, and answers alike, and as soon, whether or not the address is known. A form that was sent within two seconds, or is more than a day old, is shown again. At most one email an hour for each address and topic, and five a day.",
  request: {
    params,
    query,
    body: formContent(
      z.object({
        email: text(500, 0).default("").openapi({ example: "ada@example.org" }),
        name: text(500, 0).default("").openapi({ example: "Ada" }),
        topic: z
          .union([z.string().max(100), z.array(z.string().max(100)).max(maxSignUpTopics)])
          .optional()
          .openapi({ description: "The keys of the chosen topics", example: "newsletter" }),
        website: text(500, 0).default("").openapi({
          description: "People do not see this field. What has a value in it is ignored",
          example: "",
        }),
        form: text(100, 0).default("").openapi({
          description: "The field of the form that says when it was made",
          example: "5QEBk5e2c3VxeJ8n2s1rYwGT",
        }),
      }),
    ),
  },
  responses: {
    200: { description: "A page that says what comes next", content: pageContent },
    422: describeFailure("The form again, with what is wrong"),
    ...failures,
  },
});

const accepted = z
  .object({ status: z.literal("accepted").openapi({ example: "accepted" }) })
  .openapi("SignUpAnswer");

const sendJson = defineRoute({
  method: "post",
  path: "/v1/sign-ups",
  access: "public",
  class: "signUp",
  crossOrigin: true,
  summary: "Sign an address up for topics, from a form of your own",
  description:
    "For pages of the origins in CORS_ORIGINS. It always asks for confirmation by email, and answers alike, and as soon, whether or not the address is known. The limits are those of the form: 10 a minute and 60 an hour for each network address. A server subscribes recipients with its key instead, by PUT /v1/topics/{key}/subscribers/{recipient}.",
  request: {
    body: jsonContent(
      z.strictObject({
        email: emailAddress.meta({ example: "ada@example.org" }),
        name: nameText(100).optional().openapi({
          description: "Becomes the attribute `name` of a new recipient",
          example: "Ada",
        }),
        locale: localeTag.default("en").openapi({ example: "de" }),
        topics: z
          .array(topicKey)
          .min(1, "must name at least one topic")
          .max(maxSignUpTopics, `must name at most ${maxSignUpTopics} topics`)
          .openapi({ description: "Keys of public topics", example: ["newsletter"] }),
        source: consentSource.optional(),
      }),
    ),
  },
  responses: responses(
    202,
    "It is done after this answer, if the address can receive messages",
    accepted,
  ),
});

/** The routes by which strangers sign up. Nothing that they answer, and not when, depends on what is known of an address. */
export function signUpRoutes(services: Services) {
  const { background, publicPool, clock, config, pages } = services;
  const forms = createFormTokens(config.tokenSecrets);
  const limit = createSignUpLimits();

  /** Reads public topics by key. Throws the problem if one of them cannot be signed up for. */
  async function readOffered(keys: readonly string[]): Promise<KnownTopic[]> {
    const distinct = [...new Set(keys)];
    if (distinct.length > maxSignUpTopics)
      throw new Problem("not-found", `A form offers at most ${maxSignUpTopics} topics.`);
    const topics = await readTopicsByKey(executeOn(publicPool), distinct);
    const open = topics.filter(({ isPublic, isArchived }) => isPublic && !isArchived);
    if (open.length < distinct.length)
      throw new Problem("not-found", "There is nothing to sign up for under this address.");
    return open;
  }

  /** Signs an address up after the answer, so that the time of the answer does not say what is known of the address. */
  const beginSignUp = (wanted: SignUp) =>
    background.begin(() => signUp(services, wanted), {
      requestId: wanted.requestId,
      failure: "a sign-up was not done",
    });

  const choiceOf = (offered: readonly KnownTopic[], { lang }: SignUpWords, chosen: string[]) =>
    offered.map((topic) => ({
      key: topic.key,
      name: publicNameOf(topic, lang),
      isChosen: chosen.includes(topic.key),
    }));
  /** The texts in the language that the link of the form names, or else that the browser asks for. */
  function wordsFor(c: Context<ApiEnv>, lang: string | undefined): SignUpWords {
    if (lang !== undefined) c.set("pageLocale", lang);
    return signUpWordsFor(languageFor(c));
  }

  return createRouter()
    .openapi(show, (c) =>
      withErrorPage(c, pages, async () => {
        const { topic } = c.req.valid("param");
        const { also = [], lang } = c.req.valid("query");
        const words = wordsFor(c, lang);
        const topics = choiceOf(await readOffered([topic, ...also]), words, [topic]);
        return c.body(
          pages.render(toFormPage({ words, topics, form: forms.sign(clock()) })),
          200,
          pages.headers,
        );
      }),
    )
    .openapi(send, (c) =>
      withErrorPage(c, pages, async () => {
        const { topic } = c.req.valid("param");
        const { also = [], lang } = c.req.valid("query");
        const { email, name, website, form, topic: given = [] } = c.req.valid("form");
        const words = wordsFor(c, lang);
        limit(c);
        const offered = await readOffered([topic, ...also]);
        const keys = [given].flat();
        const chosen = offered.filter(({ key }) => keys.includes(key));
        const address = emailAddress.safeParse(email.trim());
        const called = nameText(100)
          .optional()
          .safeParse(name.trim() || undefined);
        const fault = !address.success
          ? words.faultyEmail
          : chosen.length === 0
            ? words.noTopic
            : !called.success || !forms.isPlausible(form, clock())
              ? words.again
              : null;
        if (fault !== null) {
          const topics = choiceOf(offered, words, keys);
          const entered = { email, name, fault, isOfEmail: !address.success };
          const page = toFormPage({
            words,
            topics,
            form: forms.renew(form, clock()),
            entered,
          });
          return c.body(pages.render(page), 422, pages.headers);
        }
        // Programs fill in every field. They are answered like people, so that they learn nothing.
        if (website === "")
          beginSignUp({
            email: address.data!,
            name: called.data,
            locale: words.lang,
            topics: chosen,
            way: "form",
            source: `${config.publicUrl}/s/${topic}`,
            textVersion: consentTextVersion,
            requestId: c.get("requestId"),
          });
        const page = pages.render({
          lang: words.lang,
          title: words.sentTitle,
          texts: [words.sent, words.sentNote],
          buttons: [],
        });
        return c.body(page, 200, pages.headers);
      }),
    )
    .openapi(sendJson, async (c) => {
      const { topics: keys, source = null, name, ...rest } = c.req.valid("json");
      limit(c);
      const topics = await readOffered(keys);
      const requestId = c.get("requestId");
      beginSignUp({
        ...rest,
        name,
        topics,
        way: "api",
        source,
        textVersion: null,
        requestId,
      });
      return c.json({ status: "accepted" as const }, 202, { "Cache-Control": "no-store" });
    });
}

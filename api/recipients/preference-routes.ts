import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { mergePatch } from "../../domain/merge-patch.ts";
import { typeKey } from "../../domain/policy/notification-type.ts";
import {
  type Preferences,
  preferences,
  preferencesPatch,
} from "../../domain/policy/preferences.ts";
import { recipientReference } from "../../domain/recipient.ts";
import type { ApiEnv } from "../http/context.ts";
import { optionalIfMatchHeaders, setEtag } from "../http/etag.ts";
import { numberedPage, numberedQuery } from "../http/version-cursor.ts";
import { pageOf } from "../http/pages.ts";
import {
  changePreferences,
  examplePreferences,
  preferencesAnswer,
  preferencesJson,
  saidIn,
  type Wishes,
} from "./preferences.ts";
import { invalid, notFound } from "../http/problem.ts";
import { readRecipient, type RecipientName, recipientParams } from "./store.ts";
import {
  createRouter,
  defineRoute,
  jsonContent,
  problemResponse,
  responses,
} from "../http/router.ts";
import { fieldErrors } from "../http/validation.ts";
import { versionFacts, versionFactsJson, versionInPath } from "../http/version-metadata.ts";
import type { Services } from "../services.ts";

const query = z.object({
  type: typeKey.optional().meta({
    description: "Key of a notification type: what holds for its messages",
    example: "task.deadline",
  }),
});
const putBody = jsonContent(preferences.meta({ example: examplePreferences }));
const patchBody = jsonContent(
  preferencesPatch.meta({
    example: {
      maxPerHour: 3,
      digest: { mode: "daily", time: null },
      types: { "report.weekly": false },
    },
  }),
);
const patchDescription =
  "A JSON merge patch (RFC 7396): what is left out stays, and what is null is no longer said, so that the type's or the organisation's value holds. What waits is decided again by it.";
const putDescription = "What is left out is no longer said. What waits is decided again by it.";
const afterwards = responses(200, "The preferences afterwards", preferencesAnswer);
const removed = { 204: { description: "Nothing is said any more" }, ...problemResponse };

const get = defineRoute({
  method: "get",
  path: "/v1/recipients/{recipient}/preferences",
  access: "viewer",
  summary: "What a recipient wishes, what holds for them, and where each value comes from",
  request: { params: recipientParams, query },
  responses: responses(200, "The preferences", preferencesAnswer),
});

const patch = defineRoute({
  method: "patch",
  path: "/v1/recipients/{recipient}/preferences",
  access: "sender",
  summary: "Change what a recipient wishes, for them",
  description: patchDescription,
  request: { params: recipientParams, headers: optionalIfMatchHeaders, body: patchBody },
  responses: afterwards,
});

const put = defineRoute({
  method: "put",
  path: "/v1/recipients/{recipient}/preferences",
  access: "sender",
  summary: "Replace what a recipient wishes, for them",
  description: putDescription,
  request: { params: recipientParams, headers: optionalIfMatchHeaders, body: putBody },
  responses: afterwards,
});

const remove = defineRoute({
  method: "delete",
  path: "/v1/recipients/{recipient}/preferences",
  access: "sender",
  summary: "Take back all that a recipient wishes. Its versions are kept.",
  request: { params: recipientParams, headers: optionalIfMatchHeaders },
  responses: removed,
});

const versions = defineRoute({
  method: "get",
  path: "/v1/recipients/{recipient}/preferences/versions",
  access: "viewer",
  summary: "The versions of a recipient's preferences, the latest first",
  request: { params: recipientParams, query: numberedQuery },
  responses: responses(200, "A page", pageOf(versionFacts)),
});

const versionAnswer = versionFacts
  .extend({ preferences: preferences.meta({ example: examplePreferences }) })
  .openapi("PreferencesVersion");

const version = defineRoute({
  method: "get",
  path: "/v1/recipients/{recipient}/preferences/versions/{version}",
  access: "viewer",
  summary: "What a recipient wished",
  request: { params: recipientParams.extend({ version: versionInPath }) },
  responses: responses(200, "The version", versionAnswer),
});

const getMine = defineRoute({
  method: "get",
  path: "/v1/me/preferences",
  access: "recipient",
  summary: "What I wish, what holds for me, and where each value comes from",
  request: { query },
  responses: responses(200, "The preferences", preferencesAnswer),
});

const patchMine = defineRoute({
  method: "patch",
  path: "/v1/me/preferences",
  access: "recipient",
  summary: "Change what I wish",
  description: patchDescription,
  request: { headers: optionalIfMatchHeaders, body: patchBody },
  responses: afterwards,
});

const putMine = defineRoute({
  method: "put",
  path: "/v1/me/preferences",
  access: "recipient",
  summary: "Replace what I wish",
  description: putDescription,
  request: { headers: optionalIfMatchHeaders, body: putBody },
  responses: afterwards,
});

const removeMine = defineRoute({
  method: "delete",
  path: "/v1/me/preferences",
  access: "recipient",
  summary: "Take back all that I wish",
  request: { headers: optionalIfMatchHeaders },
  responses: removed,
});

export function preferenceRoutes(services: Services) {
  const { prisma, readPolicySnapshot } = services;

  async function shown(c: Context<ApiEnv>, wishes: Wishes, type?: string) {
    setEtag(c, wishes.preferencesVersion);
    return c.json(await preferencesJson(readPolicySnapshot, wishes, type), 200);
  }

  const change = (
    c: Context<ApiEnv>,
    named: RecipientName,
    to: (said: Preferences) => Preferences,
  ) => changePreferences(c, services, named, to);

  const ofPath = (c: { req: { valid: (of: "param") => { recipient: string } } }) =>
    recipientReference(c.req.valid("param").recipient);
  const mine = (c: Context<ApiEnv>) => ({ id: c.get("recipientId") });

  return createRouter()
    .openapi(get, async (c) =>
      shown(c, await readRecipient(prisma, ofPath(c)), c.req.valid("query").type),
    )
    .openapi(patch, async (c) =>
      shown(c, await change(c, ofPath(c), patchedBy(c.req.valid("json")))),
    )
    .openapi(put, async (c) => {
      const wanted = c.req.valid("json");
      return shown(c, await change(c, ofPath(c), () => wanted));
    })
    .openapi(remove, async (c) => {
      await change(c, ofPath(c), () => ({}));
      return c.body(null, 204);
    })
    .openapi(versions, async (c) => {
      const { id: recipientId } = await readRecipient(prisma, ofPath(c));
      const { below, take, answer } = numberedPage(c.req.valid("query"));
      const rows = await prisma.preferenceVersion.findMany({
        where: { recipientId, ...(below !== null && { version: { lt: below } }) },
        orderBy: { version: "desc" },
        omit: { document: true },
        take,
      });
      return c.json(
        answer(rows.map(versionFactsJson), (row) => row.version),
        200,
      );
    })
    .openapi(version, async (c) => {
      const { id: recipientId } = await readRecipient(prisma, ofPath(c));
      const row = await prisma.preferenceVersion.findUnique({
        where: { recipientId_version: { recipientId, version: c.req.valid("param").version } },
      });
      if (!row) throw notFound("version of the preferences", "number");
      return c.json({ ...versionFactsJson(row), preferences: saidIn(row.document) }, 200);
    })
    .openapi(getMine, async (c) =>
      shown(c, await readRecipient(prisma, mine(c)), c.req.valid("query").type),
    )
    .openapi(patchMine, async (c) =>
      shown(c, await change(c, mine(c), patchedBy(c.req.valid("json")))),
    )
    .openapi(putMine, async (c) => {
      const wanted = c.req.valid("json");
      return shown(c, await change(c, mine(c), () => wanted));
    })
    .openapi(removeMine, async (c) => {
      await change(c, mine(c), () => ({}));
      return c.body(null, 204);
    });
}

/** Throws the problem of a patch that makes of what was said what may not be. */
const patchedBy =
  (patch: unknown) =>
  (said: Preferences): Preferences => {
    const parsed = preferences.safeParse(mergePatch(said, patch));
    if (!parsed.success) throw invalid(fieldErrors(parsed.error, "body"));
    return parsed.data;
  };

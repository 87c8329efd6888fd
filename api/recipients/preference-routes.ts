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
import { readVersionPage, versionPageQuery } from "../http/version-cursor.ts";
import { pageOf } from "../http/pages.ts";
import {
  changePreferences,
  examplePreferences,
  preferencesAnswer,
  preferencesJson,
  readStated,
  type RecipientPreferences,
} from "./preferences.ts";
import { invalid, notFound } from "../http/problem.ts";
import { readRecipient, type RecipientName, recipientParams } from "./store.ts";
import {
  type Access,
  createRouter,
  defineRoute,
  jsonContent,
  problemResponse,
  responses,
} from "../http/router.ts";
import { fieldErrors } from "../http/validation.ts";
import { versionMetadata, versionMetadataJson, versionInPath } from "../http/version-metadata.ts";
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
const afterwards = responses(200, "The preferences afterwards", preferencesAnswer);

/** The routes of somebody's preferences at a path: of a recipient that it names, or of the one whose token is sent. */
const defineRoutes = <
  const Path extends string,
  const Read extends Access,
  const Change extends Access,
  Params extends object,
>(
  path: Path,
  access: { read: Read; change: Change },
  params: Params,
  summaries: Record<"get" | "patch" | "put" | "remove", string>,
) => ({
  get: defineRoute({
    method: "get",
    path,
    access: access.read,
    summary: summaries.get,
    request: { ...params, query },
    responses: responses(200, "The preferences", preferencesAnswer),
  }),
  patch: defineRoute({
    method: "patch",
    path,
    access: access.change,
    summary: summaries.patch,
    description:
      "A JSON merge patch (RFC 7396): what is left out stays, and what is null is no longer said, so that the type's or the organisation's value holds. What waits is decided again by it.",
    request: { ...params, headers: optionalIfMatchHeaders, body: patchBody },
    responses: afterwards,
  }),
  put: defineRoute({
    method: "put",
    path,
    access: access.change,
    summary: summaries.put,
    description: "What is left out is no longer said. What waits is decided again by it.",
    request: { ...params, headers: optionalIfMatchHeaders, body: putBody },
    responses: afterwards,
  }),
  remove: defineRoute({
    method: "delete",
    path,
    access: access.change,
    summary: summaries.remove,
    request: { ...params, headers: optionalIfMatchHeaders },
    responses: { 204: { description: "Nothing is said any more" }, ...problemResponse },
  }),
});

const theirs = defineRoutes(
  "/v1/recipients/{recipient}/preferences",
  { read: "viewer", change: "sender" },
  { params: recipientParams },
  {
    get: "What a recipient wishes, what holds for them, and where each value comes from",
    patch: "Change what a recipient wishes, for them",
    put: "Replace what a recipient wishes, for them",
    remove: "Take back all that a recipient wishes. Its versions are kept.",
  },
);

const mine = defineRoutes(
  "/v1/me/preferences",
  { read: "recipient", change: "recipient" },
  {},
  {
    get: "What I wish, what holds for me, and where each value comes from",
    patch: "Change what I wish",
    put: "Replace what I wish",
    remove: "Take back all that I wish",
  },
);

const versions = defineRoute({
  method: "get",
  path: "/v1/recipients/{recipient}/preferences/versions",
  access: "viewer",
  summary: "The versions of a recipient's preferences, the latest first",
  request: { params: recipientParams, query: versionPageQuery },
  responses: responses(200, "A page", pageOf(versionMetadata)),
});

const versionAnswer = versionMetadata
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

export function preferenceRoutes(services: Services) {
  const { prisma, readPolicySnapshot } = services;

  async function show(c: Context<ApiEnv>, preferences: RecipientPreferences, type?: string) {
    setEtag(c, preferences.preferencesVersion);
    return c.json(await preferencesJson(readPolicySnapshot, preferences, type), 200);
  }

  async function patch(c: Context<ApiEnv>, recipient: RecipientName, wanted: unknown) {
    return show(c, await changePreferences(c, services, recipient, mergePreferences(wanted)));
  }

  async function replace(c: Context<ApiEnv>, recipient: RecipientName, wanted: Preferences) {
    return show(c, await changePreferences(c, services, recipient, () => wanted));
  }

  async function remove(c: Context<ApiEnv>, recipient: RecipientName) {
    await changePreferences(c, services, recipient, () => ({}));
    return c.body(null, 204);
  }

  const inPath = (c: { req: { valid: (of: "param") => { recipient: string } } }) =>
    recipientReference(c.req.valid("param").recipient);
  const inToken = (c: Context<ApiEnv>) => ({ id: c.get("recipientId") });

  return createRouter()
    .openapi(theirs.get, async (c) =>
      show(c, await readRecipient(prisma, inPath(c)), c.req.valid("query").type),
    )
    .openapi(theirs.patch, (c) => patch(c, inPath(c), c.req.valid("json")))
    .openapi(theirs.put, (c) => replace(c, inPath(c), c.req.valid("json")))
    .openapi(theirs.remove, (c) => remove(c, inPath(c)))
    .openapi(mine.get, async (c) =>
      show(c, await readRecipient(prisma, inToken(c)), c.req.valid("query").type),
    )
    .openapi(mine.patch, (c) => patch(c, inToken(c), c.req.valid("json")))
    .openapi(mine.put, (c) => replace(c, inToken(c), c.req.valid("json")))
    .openapi(mine.remove, (c) => remove(c, inToken(c)))
    .openapi(versions, async (c) => {
      const { id: recipientId } = await readRecipient(prisma, inPath(c));
      const page = await readVersionPage(c.req.valid("query"), ({ where, ...find }) =>
        prisma.preferenceVersion.findMany({
          ...find,
          where: { ...where, recipientId },
          omit: { document: true },
        }),
      );
      return c.json(page, 200);
    })
    .openapi(version, async (c) => {
      const { id: recipientId } = await readRecipient(prisma, inPath(c));
      const row = await prisma.preferenceVersion.findUnique({
        where: { recipientId_version: { recipientId, version: c.req.valid("param").version } },
      });
      if (!row) throw notFound("version of the preferences", "number");
      return c.json({ ...versionMetadataJson(row), preferences: readStated(row.document) }, 200);
    });
}

/** Merges a patch into stated preferences; throws the problem of a patch that makes invalid ones. */
const mergePreferences =
  (patch: unknown) =>
  (stated: Preferences): Preferences => {
    const parsed = preferences.safeParse(mergePatch(stated, patch));
    if (!parsed.success) throw invalid(fieldErrors(parsed.error, "body"));
    return parsed.data;
  };

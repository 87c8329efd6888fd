import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
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
  mergePreferences,
  preferencesAnswer,
  preferencesJson,
  readStated,
  type RecipientPreferences,
} from "./preferences.ts";
import { notFound } from "../http/problem.ts";
import { readRecipient, type RecipientName, recipientParams } from "./store.ts";
import {
  type Access,
  createRouter,
  defineRoute,
  jsonContent,
  problemResponse,
  responses,
} from "../http/router.ts";
import { versionMetadata, versionMetadataJson, versionInPath } from "../http/version-metadata.ts";
import type { Services } from "../services.ts";

const query = z.object({
  type: typeKey.optional().meta({
    description: "The key of a notification type, to get the values in force for its messages",
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
const changed = responses(200, "The preferences after the change", preferencesAnswer);

/** Defines the routes of preferences at a path: those of the recipient that the path names, or of the one whose token is sent. */
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
      "The body is a JSON merge patch (RFC 7396): a preference that is left out stays, and null removes one, so that the value of the type or the organisation applies. Waiting messages are decided again.",
    request: { ...params, headers: optionalIfMatchHeaders, body: patchBody },
    responses: changed,
  }),
  put: defineRoute({
    method: "put",
    path,
    access: access.change,
    summary: summaries.put,
    description: "A preference that is left out is removed. Waiting messages are decided again.",
    request: { ...params, headers: optionalIfMatchHeaders, body: putBody },
    responses: changed,
  }),
  remove: defineRoute({
    method: "delete",
    path,
    access: access.change,
    summary: summaries.remove,
    request: { ...params, headers: optionalIfMatchHeaders },
    responses: { 204: { description: "The preferences are removed" }, ...problemResponse },
  }),
});

const ofRecipient = defineRoutes(
  "/v1/recipients/{recipient}/preferences",
  { read: "viewer", change: "sender" },
  { params: recipientParams },
  {
    get: "Get the preferences of a recipient, and the values in force with their origins",
    patch: "Change some preferences of a recipient",
    put: "Replace all preferences of a recipient",
    remove: "Remove all preferences of a recipient. Their versions are kept.",
  },
);

const ofCaller = defineRoutes(
  "/v1/me/preferences",
  { read: "recipient", change: "recipient" },
  {},
  {
    get: "Get my preferences, and the values in force with their origins",
    patch: "Change some of my preferences",
    put: "Replace all my preferences",
    remove: "Remove all my preferences. Their versions are kept.",
  },
);

const versions = defineRoute({
  method: "get",
  path: "/v1/recipients/{recipient}/preferences/versions",
  access: "viewer",
  summary: "List the versions of a recipient's preferences, newest first",
  request: { params: recipientParams, query: versionPageQuery },
  responses: responses(200, "A page of versions", pageOf(versionMetadata)),
});

const versionAnswer = versionMetadata
  .extend({ preferences: preferences.meta({ example: examplePreferences }) })
  .openapi("PreferencesVersion");

const version = defineRoute({
  method: "get",
  path: "/v1/recipients/{recipient}/preferences/versions/{version}",
  access: "viewer",
  summary: "Get a version of a recipient's preferences",
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
    .openapi(ofRecipient.get, async (c) =>
      show(c, await readRecipient(prisma, inPath(c)), c.req.valid("query").type),
    )
    .openapi(ofRecipient.patch, (c) => patch(c, inPath(c), c.req.valid("json")))
    .openapi(ofRecipient.put, (c) => replace(c, inPath(c), c.req.valid("json")))
    .openapi(ofRecipient.remove, (c) => remove(c, inPath(c)))
    .openapi(ofCaller.get, async (c) =>
      show(c, await readRecipient(prisma, inToken(c)), c.req.valid("query").type),
    )
    .openapi(ofCaller.patch, (c) => patch(c, inToken(c), c.req.valid("json")))
    .openapi(ofCaller.put, (c) => replace(c, inToken(c), c.req.valid("json")))
    .openapi(ofCaller.remove, (c) => remove(c, inToken(c)))
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

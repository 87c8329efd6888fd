import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";
import type { JsonObject } from "../parts/json-schema.ts";
import { type Draft, parseObject } from "./draft.ts";
import type { Template } from "./queries.ts";

type Body = Parameters<typeof api.v1.templates.$post>[0]["json"];

/** The body of a request that saves a draft. The API checks what people have typed. */
const bodyOf = ({ content, variables }: Draft) => ({
  content: content as unknown as Body["content"],
  variables: parseObject(variables) as unknown as NonNullable<Body["variables"]>,
});

const headerOf = (key: string) => ({ "idempotency-key": key });

/** Creates a template. Throws `ApiProblem`. */
export const createTemplate = (named: { key: string; name: string }, draft: Draft) =>
  answerOf(
    api.v1.templates.$post({
      header: headerOf(crypto.randomUUID()),
      json: { ...named, ...bodyOf(draft) },
    }),
  );

/**
 * Saves a draft as the version after `latestVersion`, without activating it. Throws the `ApiProblem` 409 if somebody else has added a version
 * meanwhile.
 */
export const saveVersion = (key: string, draft: Draft, latestVersion: number) =>
  answerOf(
    api.v1.templates[":key"].versions.$post({
      param: { key },
      header: headerOf(crypto.randomUUID()),
      json: { ...bodyOf(draft), activate: false, latestVersion },
    }),
  );

export const activateVersion = (key: string, version: number) =>
  answerOf(
    api.v1.templates[":key"].versions[":version"].activate.$post({
      param: { key, version: String(version) },
      header: headerOf(crypto.randomUUID()),
    }),
  );

/** Archives or restores a template. */
export const setArchived = (key: string, isArchived: boolean): Promise<Template> => {
  const request = { param: { key }, header: headerOf(crypto.randomUUID()) };
  return isArchived
    ? answerOf(api.v1.templates[":key"].archive.$post(request))
    : answerOf(api.v1.templates[":key"].restore.$post(request));
};

/**
 * Copies a version to a new template.
 * @param request the same for every repeat of one click, so that it takes effect once
 */
export const duplicateTemplate = (
  from: string,
  json: { key: string; name: string; version?: number },
  request: string,
) =>
  answerOf(
    api.v1.templates[":key"].duplicate.$post({
      param: { key: from },
      header: headerOf(request),
      json,
    }),
  );

/** Sends a version to a recipient as a test. */
export const sendTest = (
  key: string,
  json: { recipient: string; data: JsonObject; version: number },
  request: string,
) =>
  answerOf(
    api.v1.templates[":key"].test.$post({
      param: { key },
      header: headerOf(request),
      json: { ...json, data: json.data as Record<string, never> },
    }),
  );

import { queryOptions, skipToken } from "@tanstack/react-query";
import type { AnswerOf } from "tidings/client";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";
import type { NotifyBody } from "./notify-body.ts";

export type Preview = AnswerOf<typeof api.v1.notifications.preview.$post>;

/** The largest number of recipients of a notification. */
const mostRecipients = 1_000;

/** What the fields offer to choose from. */
export const choicesQuery = queryOptions({
  queryKey: ["notify-choices"],
  queryFn: async ({ signal }) => {
    const options = { init: { signal } };
    const query = { limit: "200" };
    const [templates, types, segments] = await Promise.all([
      answerOf(api.v1.templates.$get({ query: { ...query, archived: "false" } }, options)),
      answerOf(api.v1["notification-types"].$get({ query }, options)),
      answerOf(api.v1.segments.$get({ query }, options)),
    ]);
    return { templates: templates.items, types: types.items, segments: segments.items };
  },
  staleTime: 30_000,
});

/** The JSON Schema of the variables of a template’s version, of the active one if none is named. */
export const variablesQuery = (key: string, version: string) =>
  queryOptions({
    queryKey: ["template-variables", key, version],
    queryFn:
      key === ""
        ? skipToken
        : async ({ signal }) => {
            const options = { init: { signal } };
            const template = api.v1.templates[":key"];
            if (version === "")
              return (await answerOf(template.$get({ param: { key } }, options))).activeVersion
                .variables;
            const param = { key, version };
            return (await answerOf(template.versions[":version"].$get({ param }, options)))
              .variables;
          },
    retry: false,
    staleTime: 30_000,
  });

export const previewNotification = (json: NotifyBody): Promise<Preview> =>
  answerOf(api.v1.notifications.preview.$post({ json, query: { examples: "5" } }));

/** Sends a notification. Repeated with the same key, it has no further effect. */
export const sendNotification = (json: NotifyBody, key: string) =>
  answerOf(api.v1.notifications.$post({ json, header: { "idempotency-key": key } }));

/** Reads the ids of the recipients of a segment. Throws if it has more than a notification may have. */
export async function readSegmentMembers(key: string): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await answerOf(
      api.v1.segments[":key"].recipients.$get({
        param: { key },
        query: { limit: "200", ...(cursor !== undefined && { cursor }) },
      }),
    );
    ids.push(...page.items.map(({ id }) => id));
    cursor = page.nextCursor ?? undefined;
    if (ids.length > mostRecipients || (ids.length === mostRecipients && cursor !== undefined))
      throw new Error(
        `The segment has more than ${mostRecipients.toLocaleString("en")} recipients. Send to it with a campaign.`,
      );
  } while (cursor !== undefined);
  return ids;
}

/** Stores a file, so that a notification can attach it. */
export async function uploadFile(file: File): Promise<{ id: string; filename: string }> {
  const url = await new Promise<string>((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result as string));
    reader.addEventListener("error", () =>
      reject(new Error("The browser could not read the file.")),
    );
    reader.readAsDataURL(file);
  });
  return answerOf(
    api.v1.attachments.$post({
      json: {
        filename: file.name,
        contentType: file.type === "" ? "application/octet-stream" : file.type,
        content: url.slice(url.indexOf(",") + 1),
      },
    }),
  );
}

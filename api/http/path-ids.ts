import { z } from "@hono/zod-openapi";
import { type IdKind, idPrefixes, parsePublicId } from "../../domain/ids.ts";
import { notFound } from "./problem.ts";

/** The nouns for resources whose ids occur in paths, as messages name them. */
const nouns = {
  address: "address",
  alert: "alert",
  apiKey: "API key",
  attachment: "attachment",
  campaign: "campaign",
  delivery: "delivery",
  group: "group",
  inboxItem: "item of your inbox",
  notification: "notification",
  operator: "operator",
  savedView: "saved view",
  session: "session",
  suppression: "suppression",
  webhookEndpoint: "webhook endpoint",
} as const satisfies Partial<Record<IdKind, string>>;

type Referred = keyof typeof nouns;

/** Makes an id for examples. */
export const exampleIdOf = (kind: IdKind) => `${idPrefixes[kind]}_01jd3v8qyee7fr8xmcsnh5hbcd`;

/** Makes the parameters of a route whose path contains an id. A malformed id is accepted here, and gets the same 404 as an unknown one. */
export const idParams = (kind: Referred) =>
  z.object({
    id: z
      .string()
      .openapi({ description: `The id of the ${nouns[kind]}`, example: exampleIdOf(kind) }),
  });

/** Reads an id in a path as a UUID. Throws a 404 if it is malformed. */
export function readPathId(kind: Referred, reference: string): string {
  return parsePublicId(kind, reference) ?? throwNotFound(kind);
}

/** Throws a 404, because no resource of this kind has the id in the path. */
export function throwNotFound(kind: Referred): never {
  throw notFound(nouns[kind]);
}

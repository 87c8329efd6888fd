import { z } from "@hono/zod-openapi";
import { type IdKind, idPrefixes, parsePublicId } from "../../domain/ids.ts";
import { notFound } from "./problem.ts";

/** The nouns by which callers know the things whose ids stand in paths. */
const nouns = {
  apiKey: "key",
  campaign: "campaign",
  delivery: "delivery",
  group: "group",
  notification: "notification",
  suppression: "suppression",
} as const satisfies Partial<Record<IdKind, string>>;

type Referred = keyof typeof nouns;

/** An id for examples. */
export const exampleIdOf = (kind: IdKind) => `${idPrefixes[kind]}_01jd3v8qyee7fr8xmcsnh5hbcd`;

/** The parameters of a route whose path holds the id of one thing. What is not an id is answered like an unknown one: 404. */
export const idParams = (kind: Referred) =>
  z.object({
    id: z.string().openapi({ description: `Of a ${nouns[kind]}`, example: exampleIdOf(kind) }),
  });

/** The UUID of a thing named in a path; throws the 404 of what cannot be the id of one. */
export function readPathId(kind: Referred, reference: string): string {
  return parsePublicId(kind, reference) ?? throwNotFound(kind);
}

/** Throws the 404 of a thing that there is not. */
export function throwNotFound(kind: Referred): never {
  throw notFound(nouns[kind]);
}

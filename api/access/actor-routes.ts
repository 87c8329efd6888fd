import { z } from "@hono/zod-openapi";
import { parsePublicId, publicId } from "../../domain/ids.ts";
import { text } from "../../domain/text.ts";
import { exampleIdOf } from "../http/path-ids.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import { bootstrapName } from "../http/sessions.ts";
import type { Services } from "../services.ts";

const maxActors = 100;
const kinds = ["key", "operator", "bootstrap", "recipient", "tidings"] as const;

const actor = z
  .object({
    id: z.string().openapi({ example: exampleIdOf("apiKey") }),
    kind: z.enum(kinds).openapi({ example: "key" }),
    name: z.string().openapi({
      description: "The name of the API key or of the operator, without the domain of an address",
      example: "Ada at work",
    }),
  })
  .openapi("Actor");

const list = defineRoute({
  method: "get",
  path: "/v1/actors",
  access: "viewer",
  summary: "Name the authors of changes by their ids, as in `createdBy` and the audit trail",
  description: "Ids without an author are left out. The answer has no secrets and no addresses.",
  request: {
    query: z.object({
      ids: text(100 * maxActors)
        .transform((ids) => [...new Set(ids.split(","))])
        .refine((ids) => ids.length <= maxActors, `must be at most ${maxActors} ids`)
        .openapi({
          type: "string",
          description: `Up to ${maxActors} ids, separated by commas: of API keys and operators, \`bootstrap\`, \`recipient\` or \`tidings\``,
          example: `bootstrap,${exampleIdOf("apiKey")}`,
        }),
    }),
  },
  responses: responses(200, "The authors that exist", z.object({ items: z.array(actor) })),
});

/** The route that tells viewers whom an id in `createdBy` stands for. */
export function actorRoutes({ prisma }: Services) {
  return createRouter().openapi(list, async (c) => {
    const { ids } = c.req.valid("query");
    const uuidsOf = (kind: "apiKey" | "operator") =>
      ids.map((id) => parsePublicId(kind, id)).filter((uuid) => uuid !== null);
    const select = { id: true, name: true } as const;
    const [keys, operators] = await Promise.all([
      prisma.apiKey.findMany({ where: { id: { in: uuidsOf("apiKey") } }, select }),
      prisma.operator.findMany({ where: { id: { in: uuidsOf("operator") } }, select }),
    ]);
    const items = [
      ...(ids.includes("bootstrap") ? [actorJson("bootstrap", "bootstrap", bootstrapName)] : []),
      ...(ids.includes("recipient") ? [actorJson("recipient", "recipient", "The recipient")] : []),
      ...(ids.includes("tidings") ? [actorJson("tidings", "tidings", "Tidings itself")] : []),
      ...keys.map(({ id, name }) => actorJson(publicId("apiKey", id), "key", name)),
      ...operators.map(({ id, name }) => actorJson(publicId("operator", id), "operator", name)),
    ];
    return c.json({ items }, 200);
  });
}

/** An OpenID provider may give an address as the name of a person: its domain is left out. */
const actorJson = (id: string, kind: (typeof kinds)[number], name: string) => ({
  id,
  kind,
  name: name.replaceAll(/@\S+/g, "") || name.replaceAll("@", ""),
});

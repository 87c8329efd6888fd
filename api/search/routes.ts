import { z } from "@hono/zod-openapi";
import { publicId } from "../../domain/ids.ts";
import { includesScope, type Scope } from "../../domain/scope.ts";
import { text } from "../../domain/text.ts";
import { defineStatement, executeOn } from "../../ledger/sql.ts";
import { containingPattern, literalPattern } from "../../ledger/sql-like.ts";
import { exampleIdOf } from "../http/path-ids.ts";
import { createRouter, defineRoute, responses } from "../http/router.ts";
import type { Services } from "../services.ts";

/** The scope that a caller needs to find something of a kind. */
const scopeOfKind = {
  campaign: "campaigns:read",
  template: "templates:read",
  segment: "segments:read",
  type: "policy:read",
  rule: "policy:read",
  recipient: "recipients:read",
} as const satisfies Record<string, Scope>;

type Kind = keyof typeof scopeOfKind;
const kinds = Object.keys(scopeOfKind) as [Kind, ...Kind[]];

/** How many of each kind are found at most. */
const perKind = 5;

const found = z
  .object({
    kind: z.enum(kinds).openapi({ example: "campaign" }),
    reference: z.string().openapi({
      description: "The id of a campaign or a recipient; the key of everything else",
      example: exampleIdOf("campaign"),
    }),
    name: z.string().openapi({
      description: "The name; of a recipient the external id",
      example: "Spring sale",
    }),
    status: z.string().nullable().openapi({
      description: "The status of a campaign; null for everything else",
      example: "running",
    }),
  })
  .openapi("Found");

const search = defineRoute({
  method: "get",
  path: "/v1/search",
  access: "viewer",
  summary:
    "Search campaigns, templates, segments, notification types, routing rules and recipients",
  description: `Finds at most ${perKind} of each kind: those whose name or key contains the text, without regard to case, and recipients whose external id begins with it. Archived templates and erased recipients are not found. A key that is limited to scopes finds only what it may read.`,
  request: {
    query: z.object({
      q: text(100, 2).openapi({ description: "What to look for", example: "spring" }),
    }),
  },
  responses: responses(200, "What was found, by kind", z.object({ items: z.array(found) })),
});

interface Found {
  kind: Kind;
  reference: string;
  name: string;
  status: string | null;
}

const named = (kind: Kind, table: string, name = "t.name", where = "TRUE") =>
  `(SELECT '${kind}' AS kind, t.key AS reference, ${name} AS name, NULL AS status FROM ${table} t
    WHERE '${kind}' = ANY(:kinds::text[]) AND ${where} AND (lower(${name}) LIKE :part::text OR lower(t.key) LIKE :part::text) ORDER BY t.key LIMIT ${perKind})`;

// Each part has its own limit, so that many matches of one kind neither cost much nor hide the others.
const statement = defineStatement<
  { kinds: readonly Kind[]; part: string; beginning: string },
  Found
>(`
  (SELECT 'campaign' AS kind, c.id::text AS reference, c.name, c.status::text AS status FROM campaigns c
    WHERE 'campaign' = ANY(:kinds::text[]) AND lower(c.name) LIKE :part::text ORDER BY c.id DESC LIMIT ${perKind})
  UNION ALL ${named("template", "templates", "t.name", "t.archived_at IS NULL")}
  UNION ALL ${named("segment", "segments")}
  UNION ALL ${named("type", "notification_types", "(t.document ->> 'name')")}
  UNION ALL ${named("rule", "routing_rules", "(t.document ->> 'name')")}
  UNION ALL (SELECT 'recipient', r.id::text, r.external_id, NULL FROM recipients r
    WHERE 'recipient' = ANY(:kinds::text[]) AND r.external_id COLLATE "C" LIKE :beginning::text AND r.erased_at IS NULL LIMIT ${perKind})`);

/** The search of the console over everything that has a name. */
export function searchRoutes({ pool }: Services) {
  return createRouter().openapi(search, async (c) => {
    const { q } = c.req.valid("query");
    const { scopes } = c.get("caller");
    const rows = await executeOn(pool)(statement, {
      kinds: kinds.filter((kind) => includesScope(scopes, scopeOfKind[kind])),
      part: containingPattern(q.toLowerCase()),
      beginning: `${literalPattern(q)}%`,
    });
    return c.json({ items: rows.map(foundJson) }, 200);
  });
}

function foundJson({ kind, reference, ...row }: Found) {
  const hasId = kind === "campaign" || kind === "recipient";
  return { kind, reference: hasId ? publicId(kind, reference) : reference, ...row };
}

import { z } from "@hono/zod-openapi";
import { publicId } from "../../domain/ids.ts";
import { countOutcomes } from "../../domain/policy/resolve-route.ts";
import {
  maxActiveRules,
  type RoutingRule,
  routingRuleDefinition,
  type RoutingRuleDefinition,
  routingRuleKey,
  routingRuleState,
  type RoutingRuleState,
  wholeRuleDefinition,
} from "../../domain/policy/routing-rule.ts";
import type { Prisma, RoutingRule as RuleRow } from "../../prisma/generated/client.ts";
import { exampleIdOf } from "../http/path-ids.ts";
import { jsonPointer, notFound, Problem } from "../http/problem.ts";
import {
  versionMetadata,
  type VersionMetadata,
  versionMetadataJson,
} from "../http/version-metadata.ts";
import { describedRoutingFilter } from "../segments/audience.ts";
import { refuseUnusableTemplate } from "../templates/store.ts";

export const ruleParams = z.object({
  key: routingRuleKey.meta({ description: "The key of a routing rule" }),
});

const when = describedRoutingFilter.meta({
  description: "For which messages and recipients the rule holds; null for all",
});

/** The fields of a rule that callers set, with the filter as a reference in the document. */
export const describedRule = wholeRuleDefinition.extend({ when });

/** A rule as a caller gives it. */
export const describedDefinition = routingRuleDefinition.extend({ when: when.default(null) });

export const activeFlag = z
  .boolean()
  .openapi({ description: "Whether the rule is used", example: true });

const place = {
  position: z.number().int().openapi({
    description: "The place of the rule in the order in which rules are tried. It may have gaps",
    example: 1,
  }),
  active: activeFlag,
};

/** A routing rule, as every route shows it. */
export const ruleAnswer = describedRule
  .extend({
    id: z.string().openapi({ example: exampleIdOf("routingRule") }),
    key: routingRuleKey,
    ...place,
    version: z.number().int().openapi({
      description: "The number of the current version, which is also the ETag",
      example: 1,
    }),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi("RoutingRule");

/** A version of a routing rule, as the API shows it. */
export const ruleVersionAnswer = describedRule
  .extend({ ...place, ...versionMetadata.shape })
  .openapi("RoutingRuleVersion");

/** Reads a stored definition. A field that is newer than the stored document gets its default. */
export const definitionOf = (document: Prisma.JsonValue): RoutingRuleDefinition =>
  routingRuleDefinition.parse(document);

export function ruleJson(row: RuleRow): z.output<typeof ruleAnswer> {
  const { id, key, position, active, version, createdAt, updatedAt } = row;
  return {
    id: publicId("routingRule", id),
    key,
    position,
    active,
    version,
    ...definitionOf(row.document),
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  };
}

export const ruleVersionJson = (
  row: VersionMetadata & { document: Prisma.JsonValue },
): z.output<typeof ruleVersionAnswer> => ({
  ...versionMetadataJson(row),
  ...routingRuleState.parse(row.document),
});

/** The rule of a row, as routes are chosen by it. */
const toRule = ({ key, version, document }: RuleRow): RoutingRule => ({
  key,
  version,
  ...definitionOf(document),
});

type Client = Pick<Prisma.TransactionClient, "routingRule">;

/** Finds a rule by its key. Throws the problem if it does not exist. */
export async function findRule(client: Client, key: string): Promise<RuleRow> {
  const row = await client.routingRule.findUnique({ where: { key } });
  if (!row) throw notFound("routing rule", "key");
  return row;
}

/** Locks all rules against changes until the transaction ends, because their order and their limits concern all of them. */
export async function lockRules(tx: Prisma.TransactionClient): Promise<void> {
  await tx.$executeRaw`LOCK TABLE routing_rules IN SHARE ROW EXCLUSIVE MODE`;
}

/** Writes the next version of a rule and keeps it among its versions. */
export async function writeVersion(
  tx: Prisma.TransactionClient,
  before: RuleRow,
  { position, active, ...definition }: RoutingRuleState,
  { now, createdBy }: { now: Date; createdBy: string },
): Promise<RuleRow> {
  const after = await tx.routingRule.update({
    where: { id: before.id },
    data: {
      position,
      active,
      document: definition as unknown as Prisma.InputJsonObject,
      version: { increment: 1 },
      updatedAt: now,
    },
  });
  await keepVersion(tx, after, createdBy);
  return after;
}

export async function keepVersion(
  tx: Prisma.TransactionClient,
  { id, version, position, active, document, updatedAt }: RuleRow,
  createdBy: string,
): Promise<void> {
  const state = { position, active, ...(document as Prisma.JsonObject) };
  await tx.routingRuleVersion.create({
    data: { ruleId: id, version, document: state, createdBy, createdAt: updatedAt },
  });
}

/** Reads the active rules in their order. */
export async function readActiveRules(client: Client): Promise<RoutingRule[]> {
  const rows = await client.routingRule.findMany({
    where: { active: true },
    orderBy: [{ position: "asc" }, { id: "asc" }],
    take: maxActiveRules + 1,
  });
  return rows.map(toRule);
}

/** The largest number of different results that the active rules may have together. */
const maxOutcomes = 256;

/** Throws the problem of rules that are too many to be active together. */
export function refuseTooMany(rules: readonly RoutingRule[]): void {
  if (rules.length > maxActiveRules)
    throw new Problem(
      "conflict",
      `At most ${maxActiveRules} routing rules can be active. Deactivate others first.`,
    );
  if (countOutcomes(rules, maxOutcomes + 1) > maxOutcomes)
    throw new Problem(
      "conflict",
      `The active routing rules could be combined in more than ${maxOutcomes} ways. Set \`final\` in some of them, or deactivate some.`,
    );
}

/** Throws the problem of a rule that names a template which cannot be used. Templates that it named before are not checked. */
export async function refuseUnusableTemplates(
  client: Pick<Prisma.TransactionClient, "template">,
  { templates }: Pick<RoutingRuleDefinition, "templates">,
  before: RoutingRuleDefinition["templates"] = {},
): Promise<void> {
  for (const [channel, key] of Object.entries(templates))
    if (before[channel as keyof typeof before] !== key)
      await refuseUnusableTemplate(client, key, jsonPointer(["templates", channel]));
}

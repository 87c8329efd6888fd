import { z } from "@hono/zod-openapi";
import { maxRules, routingRuleKey } from "../../domain/policy/routing-rule.ts";
import { withAuditedTransaction } from "../http/idempotency.ts";
import { invalid } from "../http/problem.ts";
import { createRouter, defineRoute, jsonContent, responses } from "../http/router.ts";
import type { Services } from "../services.ts";
import {
  definitionOf,
  lockRules,
  readActiveRules,
  refuseTooMany,
  ruleAnswer,
  writeVersion,
} from "./store.ts";

const order = defineRoute({
  method: "put",
  path: "/v1/routing-rules/order",
  access: "admin",
  summary: "Set the order in which routing rules are tried",
  description:
    "Names every rule once, active or not, so that a rule which was added meanwhile is not overlooked. Each rule whose position changes gets a new version.",
  request: {
    body: jsonContent(
      z.strictObject({
        keys: z
          .array(routingRuleKey)
          .max(maxRules, `must name at most ${maxRules} rules`)
          .openapi({
            description: "The keys of all rules, in the new order",
            example: ["urgent-by-push", "night-by-email"],
          }),
      }),
    ),
  },
  responses: responses(
    200,
    "All rules in their new order",
    z
      .object({
        rules: z.array(ruleAnswer.pick({ key: true, position: true, active: true, version: true })),
      })
      .openapi("RoutingRuleOrder"),
  ),
});

export function routingOrderRoutes(services: Services) {
  return createRouter().openapi(order, async (c) => {
    const { keys } = c.req.valid("json");
    const rules = await withAuditedTransaction(c, services, async (tx) => {
      await lockRules(tx);
      const rows = await tx.routingRule.findMany({ orderBy: [{ position: "asc" }, { id: "asc" }] });
      const before = rows.map(({ key }) => key);
      refuseOtherKeys(keys, before);
      const by = { now: services.clock(), createdBy: c.get("caller").id };
      const after = [];
      for (const [index, key] of keys.entries()) {
        const row = rows.find((rule) => rule.key === key)!;
        const position = index + 1;
        const { active } = row;
        const state = { ...definitionOf(row.document), active, position };
        after.push(row.position === position ? row : await writeVersion(tx, row, state, by));
      }
      refuseTooMany(await readActiveRules(tx));
      const changes = keys.every((key, index) => key === before[index])
        ? []
        : [
            {
              action: "routing-rule.order",
              resource: "routing-rules",
              before: { keys: before },
              after: { keys },
            },
          ];
      return {
        body: after.map(({ key, position, active, version }) => ({
          key,
          position,
          active,
          version,
        })),
        changes,
      };
    });
    return c.json({ rules }, 200);
  });
}

/** Throws the problem of a list that does not name each of the rules once. */
function refuseOtherKeys(keys: readonly string[], known: readonly string[]): void {
  const errors = keys.flatMap((key, index) => {
    const message = !known.includes(key)
      ? "names no routing rule"
      : keys.indexOf(key) < index
        ? "names a routing rule for the second time"
        : null;
    return message === null ? [] : [{ in: "body" as const, field: `/keys/${index}`, message }];
  });
  const missing = known.filter((key) => !keys.includes(key));
  if (missing.length > 0)
    errors.push({
      in: "body",
      field: "/keys",
      message: `must name every routing rule: ${missing.slice(0, 10).join(", ")}${missing.length > 10 ? " and others are" : missing.length > 1 ? " are" : " is"} missing`,
    });
  if (errors.length > 0) throw invalid(errors);
}

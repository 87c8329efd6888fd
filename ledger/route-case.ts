import { dependsOnLocalTime, replaceLocalTime } from "../domain/filter.ts";
import { type ChosenRoute, endsChoice, type RoutePlan } from "../domain/policy/resolve-route.ts";
import type { RoutingRule } from "../domain/policy/routing-rule.ts";
import { createFilterCompiler } from "./audience-sql.ts";
import type { Routes } from "./routes.ts";
import { defineStatement, type Execute } from "./sql.ts";

/** An SQL expression that gives the id of the route of a recipient, null for the default route, with the values of its placeholders. */
export interface RouteCase {
  sql: string;
  values: string[];
  /** The routes that the expression may give, by id. */
  routes: ReadonlyMap<number | null, ChosenRoute>;
}

/** The time zones of recipients. There are no more than IANA has names. */
const zonesStatement = defineStatement<object, { zone: string }>(
  "SELECT DISTINCT time_zone AS zone FROM recipients",
);

/**
 * Compiles the plan of a message to an expression over the table `recipients` under `alias`. For each recipient its result is the route that
 * `chooseRoute` returns. The routes are stored first, except for the default one. No value of a rule is part of the SQL. A recipient whose time zone nobody had when
 * this function was called is treated as in UTC.
 * @param firstPlaceholder the number of the first placeholder; every value is text
 * @param options.execute reads and stores within a transaction
 */
export async function routeCase(
  routes: Routes,
  plan: RoutePlan,
  alias: string,
  { execute, firstPlaceholder = 1 }: { execute: Execute; firstPlaceholder?: number },
): Promise<RouteCase> {
  const { compile, values } = createFilterCompiler(alias, firstPlaceholder);
  const { message, steps } = plan;
  const zones = steps.some(({ when }) => when !== true && dependsOnLocalTime(when))
    ? (await execute(zonesStatement, {})).map(({ zone }) => zone)
    : [];
  const compiled = new Map<number, string | boolean>();
  /** The condition of a step, compiled when it is first needed: PostgreSQL refuses values that the SQL does not use. */
  const conditionOf = (index: number): string | boolean => {
    const known = compiled.get(index);
    if (known !== undefined) return known;
    const { when } = steps[index]!;
    const filter = when === true || replaceLocalTime(when, message.sendAt, zones);
    const condition = typeof filter === "boolean" ? filter : compile(filter);
    compiled.set(index, condition);
    return condition;
  };

  const outcomes: ChosenRoute[] = [];
  /** The expression for recipients for whom the rules of `held` hold, and none of the other rules before `from`. */
  const write = (from: number, held: readonly RoutingRule[]): RouteNode => {
    const step = steps[from];
    if (step === undefined || endsChoice(held)) return outcomes.push(plan.combine(held)) - 1;
    const condition = conditionOf(from);
    if (condition === false) return write(from + 1, held);
    const having = write(from + 1, [...held, step.rule]);
    return condition === true ? having : { condition, having, otherwise: write(from + 1, held) };
  };
  const root = write(0, []);

  const stored = outcomes.filter(({ origin }) => origin !== "default");
  const storedIds = await routes.routeIds(
    stored.map(({ route, origin }) => ({ origin, document: route })),
    execute,
  );
  const idOf = new Map(stored.map((chosen, index) => [chosen, storedIds[index]!]));
  const toSql = (node: RouteNode): string =>
    typeof node === "number"
      ? String(idOf.get(outcomes[node]!) ?? "NULL::int")
      : `CASE WHEN ${node.condition} THEN ${toSql(node.having)} ELSE ${toSql(node.otherwise)} END`;
  return {
    sql: toSql(root),
    values,
    routes: new Map(outcomes.map((chosen) => [idOf.get(chosen) ?? null, chosen])),
  };
}

/** An outcome by its index, or a choice between two expressions. */
type RouteNode = number | { condition: string; having: RouteNode; otherwise: RouteNode };

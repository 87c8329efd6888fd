import { isDeepStrictEqual } from "node:util";
import {
  matchesFilter,
  type MessageFacts,
  narrowToMessage,
  type RecipientFacts,
  type RemainingFilter,
} from "../filter.ts";
import type { Priority } from "../priority.ts";
import type { NotificationType } from "./notification-type.ts";
import { defaultRoute, maxStages, type ResolvedRoute, type Route, type Stage } from "./route.ts";
import type { RoutingRule } from "./routing-rule.ts";

/** The route of a message to a recipient, and what chose it. */
export interface ChosenRoute {
  route: ResolvedRoute;
  /** `request`, `rule:KEY@VERSION[+KEY@VERSION]`, `type:KEY@VERSION`, `policy@VERSION` or `default`. */
  origin: string;
  /** The keys of the rules that hold, in their order; empty where no rule chose the route. */
  rules: readonly string[];
  /** The priority that a rule sets. */
  priority?: Priority;
  /** The number of stages of rules that did not fit into the route. */
  leftOut: number;
}

/** What the route of a message depends on, except for its recipient. */
export interface RouteSources {
  /** The route of the request itself. */
  requested: Route | null | undefined;
  /** The active rules in their order. */
  rules: readonly RoutingRule[];
  type: Pick<NotificationType, "key" | "version" | "route" | "channels"> | null;
  policy: { version: number; route: Route | null };
  message: MessageFacts;
  /** Finds the UUID of the active version of a template that a rule names; null if it cannot be used. */
  findTemplateVersion: (key: string) => string | null;
}

/** A rule that may hold for a recipient of the message. */
interface Step {
  rule: RoutingRule;
  /** The condition on the recipient; true if the rule holds for all of them. */
  when: RemainingFilter | true;
}

/** How the route of a message follows from its recipient. */
export interface RoutePlan {
  message: MessageFacts;
  /** The rules that are tried in this order. Only the last one may be final for all recipients. */
  steps: readonly Step[];
  /** Chooses the route of a recipient for whom these rules hold; none of them is tried further if the route is full. */
  combine: (held: readonly RoutingRule[]) => ChosenRoute;
}

/** Plans the routes of a message: the request's own route, else those of rules, else that of the type, of the organisation, or the default. */
export function planRoutes(sources: RouteSources): RoutePlan {
  const { requested, rules, message, findTemplateVersion } = sources;
  if (requested) {
    const chosen: ChosenRoute = { route: requested, origin: "request", rules: [], leftOut: 0 };
    return { message, steps: [], combine: () => chosen };
  }
  const steps: Step[] = [];
  for (const rule of rules) {
    const when = rule.when === null || narrowToMessage(rule.when, message);
    if (when === false) continue;
    steps.push({ rule, when });
    if (when === true && rule.final) break;
  }
  const fallback = chooseFallback(sources);
  return {
    message,
    steps,
    combine: (held) => (held.length === 0 ? fallback : combineRules(held, findTemplateVersion)),
  };
}

/** Chooses the route of a recipient by a plan. */
export function chooseRoute(plan: RoutePlan, recipient: RecipientFacts): ChosenRoute {
  const held: RoutingRule[] = [];
  for (const { rule, when } of plan.steps) {
    if (when !== true && !matchesFilter(when, plan.message, recipient)) continue;
    held.push(rule);
    if (endsChoice(held)) break;
  }
  return plan.combine(held);
}

/** Chooses the route of one message to one recipient. For a message to many, plan once. */
export const resolveRoute = ({
  recipient,
  ...sources
}: RouteSources & { recipient: RecipientFacts }): ChosenRoute =>
  chooseRoute(planRoutes(sources), recipient);

/** The route of all recipients; null if it depends on the recipient. */
export function commonRoute({ steps, combine }: RoutePlan): ChosenRoute | null {
  return steps.every(({ when }) => when === true)
    ? combine(takeWhileOpen(steps.map(({ rule }) => rule)))
    : null;
}

/** Whether no further rule is tried after those that held: the last is final, or the route is full. */
export const endsChoice = (held: readonly RoutingRule[]): boolean =>
  held.at(-1)?.final === true || mergeStages(held).stages.length >= maxStages;

function takeWhileOpen(rules: readonly RoutingRule[]): RoutingRule[] {
  const held: RoutingRule[] = [];
  for (const rule of rules) {
    held.push(rule);
    if (endsChoice(held)) break;
  }
  return held;
}

/**
 * Counts the sets of rules that may hold together, the empty one included, as if no rule excluded another. Stops at `most`.
 * This bounds the SQL of the rules (ledger/route-case.ts) and the routes that are stored for one campaign.
 */
export function countOutcomes(rules: readonly RoutingRule[], most: number): number {
  const count = (from: number, held: readonly RoutingRule[], left: number): number => {
    const rule = rules[from];
    if (rule === undefined || left <= 1 || endsChoice(held)) return 1;
    const having = count(from + 1, [...held, rule], left);
    return having + (having < left ? count(from + 1, held, left - having) : 0);
  };
  return count(0, [], most);
}

function chooseFallback({ type, policy }: RouteSources): ChosenRoute {
  const choose = (route: Route, origin: string): ChosenRoute => ({
    route,
    origin,
    rules: [],
    leftOut: 0,
  });
  if (type?.route) return choose(type.route, `type:${type.key}@${type.version}`);
  if (policy.route) return choose(policy.route, `policy@${policy.version}`);
  return choose(defaultRoute(type), "default");
}

/** Joins the stages of rules. A stage that begins at once is not repeated. Stages beyond the largest number are left out. */
function mergeStages(rules: readonly RoutingRule[]): { stages: Stage[]; leftOut: number } {
  const stages: Stage[] = [];
  for (const stage of rules.flatMap(({ route }) => route.stages))
    if (stage.after || !stages.some((other) => isDeepStrictEqual(other, stage))) stages.push(stage);
  return { stages: stages.slice(0, maxStages), leftOut: Math.max(0, stages.length - maxStages) };
}

function combineRules(
  rules: readonly RoutingRule[],
  findTemplateVersion: RouteSources["findTemplateVersion"],
): ChosenRoute {
  const { stages, leftOut } = mergeStages(rules);
  const priority = rules.find((rule) => rule.priority !== null)?.priority;
  // Of rules that name templates for the same channel, the first one counts.
  const templates = Object.fromEntries(
    rules.toReversed().flatMap((rule) =>
      Object.entries(rule.templates).flatMap(([channel, key]) => {
        const version = findTemplateVersion(key);
        return version === null ? [] : [[channel, version] as const];
      }),
    ),
  );
  return {
    route: {
      stages,
      ...(Object.keys(templates).length > 0 && { templates }),
      ...(priority && { priority }),
    },
    origin: `rule:${rules.map(({ key, version }) => `${key}@${version}`).join("+")}`,
    rules: rules.map(({ key }) => key),
    ...(priority && { priority }),
    leftOut,
  };
}

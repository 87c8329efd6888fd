import type { Decision, DecisionInput } from "./decision.ts";
import { type Rule, rules, send } from "./rules.ts";

/** Whether, when and how a due delivery goes out. */
export function decide(input: DecisionInput): Decision {
  for (const rule of rules) {
    const decision = rule.evaluate(input);
    if (decision !== null) return decision;
  }
  return send(input);
}

/**
 * The decision of `decide`, with the rules that were evaluated, in their order. The last of them decided, or none of them
 * applied and the message is sent.
 */
export function explain(input: DecisionInput): {
  decision: Decision;
  evaluations: { rule: Rule; inputs: Record<string, unknown>; decision: Decision | null }[];
} {
  const evaluations = [];
  for (const rule of rules) {
    const decision = rule.evaluate(input);
    evaluations.push({ rule, inputs: rule.inputs(input), decision });
    if (decision !== null) return { decision, evaluations };
  }
  return { decision: send(input), evaluations };
}

import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";
import type { Draft } from "./draft.ts";
import type { Preview, Rule } from "./queries.ts";

const rules = api.v1["routing-rules"];

// The API describes filters as a type that refers to itself, which drafts do not repeat: it checks them in any case.
type CreateBody = Parameters<typeof rules.$post>[0]["json"];
type PatchBody = Parameters<(typeof rules)[":key"]["$patch"]>[0]["json"];
type PreviewedRule = Parameters<typeof rules.preview.$post>[0]["json"]["rules"][number];

/** Creates a rule as the last one. `once` is the same for every repeat of one click. */
export const createRule = (key: string, draft: Draft, once: string): Promise<Rule> =>
  answerOf(
    rules.$post({ json: { key, ...draft } as CreateBody, header: { "idempotency-key": once } }),
  );

/** Changes fields of a version of a rule. Throws `ApiProblem` with the status 412 if there is a newer version. */
export const changeRule = (key: string, version: number, patch: Partial<Draft>): Promise<Rule> =>
  answerOf(
    rules[":key"].$patch({
      param: { key },
      header: { "if-match": `"${version}"` },
      json: patch as PatchBody,
    }),
  );

export async function deleteRule(key: string): Promise<void> {
  await answerOf(rules[":key"].$delete({ param: { key } }));
}

/** Sets the order of all rules. Throws `ApiProblem` if a rule has been added or deleted meanwhile. */
export async function orderRules(keys: readonly string[]): Promise<void> {
  await answerOf(rules.order.$put({ json: { keys: [...keys] } }));
}

/** Applies rules, all active and in this order, to the messages of the last day. Nothing is changed. */
export const previewRules = (given: readonly (Draft & { key: string })[]): Promise<Preview> =>
  answerOf(
    rules.preview.$post({
      json: { rules: given.map(({ active: _active, ...rule }) => rule as PreviewedRule) },
    }),
  );

/** The active rules in their order, with `draft` in the place of the rule `key`, or as the last one if there is none. */
export function withDraft(
  all: readonly Rule[],
  key: string,
  draft: Draft | null,
): (Draft & { key: string })[] {
  const kept = all.flatMap((rule) => {
    if (rule.key === key) return draft ? [{ ...draft, key }] : [];
    const {
      id: _id,
      position: _position,
      version: _version,
      createdAt: _c,
      updatedAt: _u,
      ...own
    } = rule;
    return rule.active ? [own as unknown as Draft & { key: string }] : [];
  });
  return draft && !all.some((rule) => rule.key === key) ? [...kept, { ...draft, key }] : kept;
}

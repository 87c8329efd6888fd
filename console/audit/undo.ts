import { consoleFetch } from "../api/client.ts";
import { readBody } from "../api/problem.ts";
import type { AuditEntry } from "./queries.ts";
import { type Facts, isSame, reversePatch } from "./reverse-patch.ts";

/** Fields that follow from a change, and are not changed by themselves. */
const derived = new Set(["version", "updatedAt", "createdAt", "createdBy"]);

/** Leaves out of the facts of an entry what follows from the change. */
const essence = (facts: Facts): Facts =>
  Object.fromEntries(Object.entries(facts).filter(([key]) => !derived.has(key)));

/** Where the resource of an action is changed, and how the fields of its entries become a request. Only these have a true inverse. */
const inverses: Readonly<
  Record<
    string,
    {
      path: (key: string) => string;
      within?: string;
      patch: (before: Facts, after: Facts) => Facts;
    }
  >
> = {
  "policy.update": { path: () => "/v1/policy", within: "policy", patch: reversePatch },
  "type.update": { path: (key) => `/v1/notification-types/${key}`, patch: reversePatch },
  "segment.update": { path: (key) => `/v1/segments/${key}`, patch: (before) => before },
  "routing-rule.update": { path: (key) => `/v1/routing-rules/${key}`, patch: (before) => before },
};

/** Whether a change can be undone by another one that is its inverse. */
export function canUndo({ action, before, after }: AuditEntry): boolean {
  // Another route changes the order of rules.
  return action in inverses && before !== null && after !== null && !("position" in before);
}

/**
 * Undoes a change. Resolves with false, and changes nothing, if the fields have been changed again since.
 * @throws ApiProblem if the API refuses it
 */
export async function undoChange({
  action,
  resource,
  before,
  after,
}: AuditEntry): Promise<boolean> {
  const { path, within, patch } = inverses[action]!;
  const [old, made] = [essence(before!), essence(after!)];
  const address = path(encodeURIComponent(resource));
  const response = await consoleFetch(address);
  const answer = (await readBody(response)) as Facts;
  const current = (within === undefined ? answer : answer[within]) as Facts;
  if (!Object.keys({ ...old, ...made }).every((key) => isSame(current[key], made[key])))
    return false;
  await readBody(
    await consoleFetch(address, {
      method: "PATCH",
      headers: {
        "content-type": "application/json",
        // A change that somebody else makes in this moment is not overwritten.
        "if-match": response.headers.get("etag") ?? "",
      },
      body: JSON.stringify(patch(old, made)),
    }),
  );
  return true;
}

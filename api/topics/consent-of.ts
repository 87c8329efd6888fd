import type { Context } from "hono";
import type { Consent } from "../../ledger/subscribing.ts";
import type { ApiEnv } from "../http/context.ts";

/** Says who changes a subscription in a request: a key, an operator in the console, or a recipient. */
export function consentOf(
  c: Context<ApiEnv>,
  { source = null, locale = null }: Partial<Pick<Consent, "source" | "locale">> = {},
): Consent {
  const { id, role } = c.get("caller");
  const evidence = { source, locale, textVersion: null };
  if (role === null) return { ...evidence, way: "recipient", actor: null };
  return { ...evidence, way: c.get("session") ? "operator" : "api", actor: id };
}

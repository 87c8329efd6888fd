import type { Context } from "hono";
import { maskAddressesIn } from "../../domain/mask-address.ts";
import { includesRole } from "../../domain/role.ts";
import type { ApiEnv } from "./context.ts";

/**
 * Whether answers show the caller addresses of recipients in full. Services whose key has at least the role `sender` need them. People in the console see
 * them masked, whatever their role, and those who may send have them revealed one recipient at a time (decision 0060).
 */
const seesAddresses = (c: Context<ApiEnv>): boolean => {
  const { role } = c.get("caller");
  return role !== null && includesRole(role, "sender") && c.get("session") === undefined;
};

/** Returns an answer, or what a message is rendered from, as the caller may see it: with every address in it masked, unless they see addresses in full. */
export const maskFor = <Answer>(c: Context<ApiEnv>, answer: Answer): Answer =>
  seesAddresses(c) ? answer : maskAddressesIn(answer);

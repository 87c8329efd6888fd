import type { Context } from "hono";
import { isIPv4 } from "node:net";
import type { ApiEnv } from "../http/context.ts";
import { createUseLimit } from "../http/use-limit.ts";

/** How often one network address may sign up in a minute and in an hour, and all addresses together in a minute, at one process. */
const maxOfClientAMinute = 10;
const maxOfClientAnHour = 60;
const maxOfAllAMinute = 120;

const hourMs = 3_600_000;
const detail = "There were too many sign-ups. Try again later.";

/** Makes a function that counts a sign-up, and throws the problem if there were too many. Each address of the mail has limits of its own too (ledger/topic-subscriptions.ts). */
export function createSignUpLimits(): (c: Context<ApiEnv>) => void {
  const inMinute = createUseLimit({ detail });
  const inHour = createUseLimit({ windowMs: hourMs, detail });
  return (c) => {
    const key = `client ${networkOf(c.get("address"))}`;
    inMinute([{ key, max: maxOfClientAMinute }]);
    inHour([{ key, max: maxOfClientAnHour }]);
    // What is refused to one client does not count against the others.
    inMinute([{ key: "all", max: maxOfAllAMinute }]);
  };
}

/** The network that somebody has for themselves: an IPv4 address, or the first 64 bits of an IPv6 address. */
export function networkOf(address: string | null): string {
  if (address === null || isIPv4(address)) return address ?? "unknown";
  const [before = "", after] = address.toLowerCase().split("::");
  const split = (part: string) => part.split(":").filter((group) => group !== "");
  const [head, tail] = [split(before), split(after ?? "")];
  const zeros = after === undefined ? 0 : Math.max(0, 8 - head.length - tail.length);
  return [...head, ...Array.from({ length: zeros }, () => "0"), ...tail]
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":");
}

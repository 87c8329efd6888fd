import type { Context } from "hono";
import { networkOf } from "../../lib/network-of.ts";
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

import type { Caller } from "../http/keyring.ts";

/** The author of notifications that Tidings sends by itself: about alerts, to ask for confirmation, and with links to preferences. */
export const systemCaller: Caller = {
  id: "tidings",
  scope: "tidings",
  role: "admin",
  scopes: null,
  requestsPerMinute: null,
};

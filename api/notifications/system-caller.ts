import type { Caller } from "../http/keyring.ts";

/** The author of notifications that Tidings sends by itself: about alerts, and to ask for confirmation. */
export const systemCaller: Caller = {
  id: "tidings",
  scope: "tidings",
  role: "admin",
  scopes: null,
  requestsPerMinute: null,
};

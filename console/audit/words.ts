import { capitalise } from "../words/statuses.ts";

/** The kinds of resource that are changed, by the first part of an action, with their nouns. */
export const auditedKinds: Readonly<Record<string, string>> = {
  address: "Addresses",
  api_key: "API keys",
  attachment: "Attachments",
  campaign: "Campaigns",
  delivery: "Deliveries",
  gate: "Rate limits",
  layout: "Layouts",
  notification: "Notifications",
  policy: "Policy",
  preferences: "Preferences",
  provider: "Providers",
  recipient: "Recipients",
  "routing-rule": "Routing rules",
  sealing: "Sealing keys",
  segment: "Segments",
  session: "Sessions",
  suppression: "Suppressions",
  template: "Templates",
  type: "Types",
  view: "Saved views",
};

/** Describes an action: `api_key.create` is "API key: create". */
export function describeAction(action: string): string {
  const [kind = "", ...verb] = action.split(".");
  const noun = kind === "api_key" ? "API key" : capitalise(kind.replaceAll(/[-_]/g, " "));
  return verb.length === 0 ? noun : `${noun}: ${verb.join(" ").replaceAll("_", " ")}`;
}

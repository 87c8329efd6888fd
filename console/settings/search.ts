import { type AttemptOutcome, attemptOutcomes } from "../../domain/webhook-endpoint.ts";
import { readId, readSeveral, readText } from "../shell/url.ts";

/** The parts of the settings. */
export const settingsTabs = [
  "keys",
  "sessions",
  "operators",
  "webhooks",
  "views",
  "appearance",
  "about",
] as const;
export type SettingsTab = (typeof settingsTabs)[number];

export const tabNames: Record<SettingsTab, string> = {
  keys: "API keys",
  sessions: "Sessions",
  operators: "Operators",
  webhooks: "Webhooks",
  views: "Saved views",
  appearance: "Appearance",
  about: "About",
};

/** What the address of the settings says. */
export interface SettingsSearch {
  tab?: SettingsTab | undefined;
  /** The page of the list in the tab. */
  cursor?: string | undefined;
  /** Whether keys that have ended are listed too. */
  keys?: "all" | undefined;
  /** The webhook endpoint that is shown: whe_… */
  endpoint?: string | undefined;
  /** What came of the requests that are listed. */
  outcome?: AttemptOutcome[] | undefined;
  /** Whether the listed operators are signed in. */
  state?: OperatorState | undefined;
}

const operatorStates = ["signed-in", "signed-out"] as const;
type OperatorState = (typeof operatorStates)[number];

export const readSettingsSearch = (raw: Record<string, unknown>): SettingsSearch => ({
  tab: settingsTabs.find((tab) => tab === raw["tab"]),
  cursor: readText(raw["cursor"], 1_000),
  keys: raw["keys"] === "all" ? "all" : undefined,
  endpoint: readId(raw["endpoint"], "whe"),
  outcome: readSeveral(raw["outcome"], attemptOutcomes),
  state: operatorStates.find((state) => state === raw["state"]),
});

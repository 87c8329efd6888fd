/** The parts of the settings. */
export const settingsTabs = ["keys", "sessions", "views", "appearance", "about"] as const;
export type SettingsTab = (typeof settingsTabs)[number];

export const tabNames: Record<SettingsTab, string> = {
  keys: "API keys",
  sessions: "Sessions",
  views: "Saved views",
  appearance: "Appearance",
  about: "About",
};

/** What the address of the settings says. */
export interface SettingsSearch {
  tab?: SettingsTab | undefined;
}

export const readSettingsSearch = (raw: Record<string, unknown>): SettingsSearch => ({
  tab: settingsTabs.find((tab) => tab === raw["tab"]),
});

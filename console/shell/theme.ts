import { readSetting, writeSetting } from "./settings.ts";

export const themes = ["system", "light", "dark"] as const;
export type Theme = (typeof themes)[number];

/** Reads the theme that was chosen in this browser. */
export function readTheme(): Theme {
  const stored = readSetting("theme");
  return themes.find((theme) => theme === stored) ?? "system";
}

/** Shows the page in a theme. `system` follows the system. */
export function applyTheme(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
}

/** Chooses a theme in this browser. */
export function setTheme(theme: Theme): void {
  writeSetting("theme", theme === "system" ? null : theme);
  applyTheme(theme);
}

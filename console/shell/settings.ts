// What a browser keeps: how things look, never what they are. The address is the only other state.

type Setting = "theme" | "single-keys";
const keyOf = (setting: Setting) => `tidings-console:${setting}`;

/** Reads a setting of this browser; null if it was not set, or if the browser keeps nothing. */
export function readSetting(setting: Setting): string | null {
  try {
    return localStorage.getItem(keyOf(setting));
  } catch {
    return null;
  }
}

/** Sets a setting of this browser, or removes it with null. A browser that keeps nothing forgets it with the page. */
export function writeSetting(setting: Setting, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(keyOf(setting));
    else localStorage.setItem(keyOf(setting), value);
  } catch {
    // The browser keeps nothing.
  }
}

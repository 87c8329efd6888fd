import { type Browser, chromium } from "playwright-core";
import { programOf } from "./programs.ts";
import { waitMs } from "./patience.ts";

/** Throws where this machine has no browser. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: programOf("Chromium", "CHROMIUM_PATH", [
      "chromium",
      "chromium-browser",
      "google-chrome",
    ]),
    // As root, in a container, Chromium's sandbox cannot be had.
    args: ["--headless", "--no-sandbox", "--disable-gpu"],
    timeout: waitMs,
  });
}

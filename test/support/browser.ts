import { type Browser, chromium } from "playwright-core";
import { programOf } from "./programs.ts";
import { waitMs } from "./patience.ts";

/** Starts Chromium. Throws if this machine has none. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: programOf("Chromium", "CHROMIUM_PATH", [
      "chromium",
      "chromium-browser",
      "google-chrome",
    ]),
    // Chromium's sandbox does not work for root in a container.
    args: ["--headless", "--no-sandbox", "--disable-gpu"],
    timeout: waitMs,
  });
}

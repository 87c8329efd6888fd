import { type Browser, chromium } from "playwright-core";
import { findProgram } from "./programs.ts";

/** The path of a browser on this machine, or null. */
export const findBrowser = () =>
  findProgram("CHROMIUM_PATH", ["chromium", "chromium-browser", "google-chrome"]);

export function launchBrowser(executablePath: string): Promise<Browser> {
  // As root, in a container, Chromium's sandbox cannot be had.
  return chromium.launch({ executablePath, args: ["--headless", "--no-sandbox", "--disable-gpu"] });
}

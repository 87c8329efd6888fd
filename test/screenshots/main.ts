import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { startTemporaryStack, type TemporaryStack } from "../../cli/demo/temporary-stack.ts";
import { packageRoot } from "../../config/package-root.ts";
import { launchBrowser } from "../support/browser.ts";
import { type Shot, shots } from "./shots.ts";
import { caller, type Shown, startUsedStack } from "./seed.ts";

const options = new Command("screenshots")
  .description(
    "Take the screenshots of the documentation, in both themes, from a stack that looks like one in use",
  )
  .option("--folder <path>", "where to write them", join(packageRoot, "docs/images"))
  .option("--all", "take every screen, full, empty and failed, and on a phone")
  .parse()
  .opts<{ folder: string; all?: true }>();

const themes = ["light", "dark"] as const;
const desktop = { width: 1280, height: 800 };
const phone = { width: 390, height: 844 };
/** How long a screen may take to show its data. */
const settleMs = 15_000;

const say = (line: string) => void process.stderr.write(`screenshots: ${line}\n`);

/** Signs in, and returns what later contexts need to be signed in too. */
async function signIn(browser: Browser, stack: TemporaryStack) {
  const { code } = await caller(stack)("POST", "/v1/sign-in-codes");
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${stack.urls.api}/console/#code=${code}`);
  await page.locator("#rail").waitFor({ state: "attached" });
  const state = await context.storageState();
  await context.close();
  return state;
}

interface Setting {
  browser: Browser;
  stack: TemporaryStack;
  state: Awaited<ReturnType<BrowserContext["storageState"]>>;
  shown: Shown;
}

/** Takes one screen in both themes. */
async function take(
  { browser, stack, state, shown }: Setting,
  shot: Shot,
  {
    suffix = "",
    viewport = desktop,
    prepare,
  }: {
    suffix?: string;
    viewport?: typeof desktop;
    prepare?: (page: Page) => Promise<unknown>;
  } = {},
): Promise<void> {
  for (const colorScheme of themes) {
    const context = await browser.newContext({ colorScheme, viewport, storageState: state });
    const page = await context.newPage();
    await prepare?.(page);
    await page.goto(`${stack.urls.api}/console${shot.path(shown)}`);
    await page.locator("main h1").first().waitFor({ timeout: settleMs });
    // A function in the page would be refused by the Content-Security-Policy.
    const settle = () =>
      page
        .locator('[aria-busy="true"]')
        .first()
        .waitFor({ state: "detached", timeout: settleMs })
        .catch(() => {});
    await settle();
    if (!prepare && shot.act) {
      await shot.act(page);
      await settle();
    }
    await page.screenshot({
      path: join(options.folder, `${shot.name}${suffix}-${colorScheme}.png`),
    });
    await context.close();
  }
}

/** Makes every reading of data fail, as if the database did not answer. The session is still read. */
const failReadings = (page: Page) =>
  page.route(/\/v1\/(?!session)/, (route) =>
    route.fulfill({
      status: 503,
      contentType: "application/problem+json",
      body: JSON.stringify({
        type: "urn:tidings:problem:unavailable",
        title: "Not available",
        detail: "The database cannot be reached. Send the request again later.",
        requestId: "0b9ff0a1-6c0e-4f43-9d4b-53c3c1a3a2ab",
      }),
    }),
  );

mkdirSync(options.folder, { recursive: true });
const browser = await launchBrowser();
try {
  const { stack, shown } = await startUsedStack(say);
  try {
    const setting = { browser, stack, state: await signIn(browser, stack), shown };
    for (const shot of shots.filter(({ isInDocs }) => isInDocs || options.all)) {
      say(shot.name);
      await take(setting, shot);
      if (!options.all) continue;
      await take(setting, shot, { suffix: "-phone", viewport: phone });
      if (!shot.act) await take(setting, shot, { suffix: "-failed", prepare: failReadings });
    }
  } finally {
    await stack.stop();
  }
  if (options.all) {
    const empty = await startTemporaryStack({ environment: process.env, say });
    try {
      const state = await signIn(browser, empty);
      for (const shot of shots.filter(({ needsData }) => !needsData))
        await take({ browser, stack: empty, state, shown }, shot, { suffix: "-empty" });
    } finally {
      await empty.stop();
    }
  }
} finally {
  await browser.close();
}

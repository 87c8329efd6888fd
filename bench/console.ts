import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, BrowserContext } from "playwright-core";
import { startTemporaryStack, type TemporaryStack } from "../cli/demo/temporary-stack.ts";
import { packageRoot } from "../config/package-root.ts";
import { launchBrowser } from "../test/support/browser.ts";
import { caller } from "./api.ts";
import { countPassedJourneys } from "./console-journeys.ts";
import {
  findSeriousFaults,
  measureLoad,
  measureRouteChanges,
  readScreens,
  scroll,
  type Scrolled,
} from "./console-pages.ts";
import { type DatabaseMeter, meterDatabase } from "./database-work.ts";
import { fillLedger } from "./full-ledger.ts";
import { data, template } from "./message.ts";
import { percentile } from "./percentile.ts";

export interface ConsoleBench {
  /** How many deliveries the ledger has. */
  deliveries: number;
  /** How long the deliveries are scrolled. */
  scrollSeconds: number;
  /** How long one browser, and then ten, look at a running campaign. */
  watchSeconds: number;
  /** Whether the journeys of `npm run test:browser` are run too. */
  journeys: boolean;
  environment: NodeJS.ProcessEnv;
  say: (line: string) => void;
}

export interface ConsoleResult {
  bench: "console";
  deliveries: number;
  /** Scripts and styles that a browser loads before it shows a screen, in kilobytes after gzip. */
  firstLoadKb: number;
  /** Until the overview shows its data, with an empty cache, 10 Mbit/s and a latency of 40 ms: the median of five. */
  overviewMs: number;
  /** From the click on a screen in the rail until its data is shown. */
  routeChangeP95Ms: number;
  /** The longest task of the main thread while the deliveries are scrolled. */
  longTaskMs: number;
  /** The most elements that the page had then. */
  domNodes: number;
  /** By how much the heap had grown after that. */
  heapGrowthMb: number;
  /** Serious and critical findings of axe-core on every screen, in both themes. */
  axeSerious: number;
  /** The number of screens. */
  routes: number;
  /** How many journeys passed; null if they were not run. */
  journeys: number | null;
  /** The statements of the database while ten browsers watch, as a multiple of those while one does. */
  statementsOfTenBrowsers: number;
}

export interface ConsoleDetails {
  /** What axe-core found. */
  faults: string[];
  /** The statements with one browser, and with ten. */
  statements: [number, number];
}

const templateKey = "weekly";
const loads = 5;
const rounds = 5;
const browsers = 10;
/** The recipients of the campaign that is watched: so many that it runs until the end. */
const audience = 100_000;
const perSecond = 200;

/** Measures the console in Chromium, on a ledger that is full. */
export async function benchConsole(
  options: ConsoleBench,
): Promise<ConsoleResult & { details: ConsoleDetails }> {
  const { deliveries, say } = options;
  const sizeFile = join(packageRoot, "dist/console/.vite/first-load.json");
  const size = JSON.parse(readFileSync(sizeFile, "utf8")) as { scripts: number; styles: number };
  say("starting the stack");
  const stack = await startTemporaryStack({
    environment: { ...options.environment, API_REQUESTS_PER_MINUTE: "10000000" },
    say,
  });
  const browser = await launchBrowser();
  try {
    const meter = await meterDatabase(stack);
    const call = caller(stack);
    await call("POST", "/v1/templates", {
      key: templateKey,
      name: "Weekly summary",
      content: { email: template },
    });
    say(`filling the ledger with ${deliveries} deliveries`);
    await fillLedger(stack.databaseUrl, { recipients: audience, deliveries, templateKey });

    const signedIn = await signIn(browser, stack);
    say(`loading the overview ${loads} times`);
    const overview: number[] = [];
    for (let n = 0; n < loads; n += 1) overview.push(await measureLoad(signedIn, stack.urls.api));
    const screens = await readScreens(signedIn, stack.urls.api);
    say(`changing between ${screens.length} screens`);
    const changes = await measureRouteChanges(signedIn, stack.urls.api, screens, rounds);
    say(`scrolling the deliveries for ${options.scrollSeconds} s`);
    const scrolled = await scroll(signedIn, stack.urls.api, options.scrollSeconds);
    say("looking for faults of accessibility");
    const faults = await findSeriousFaults(browser, await signedIn.storageState(), {
      api: stack.urls.api,
      screens,
    });
    await signedIn.close();
    const statements = await compareBrowsers(browser, stack, meter, options);
    const journeys = options.journeys ? await countPassedJourneys(say) : null;
    return {
      ...toResult(scrolled),
      bench: "console",
      deliveries,
      firstLoadKb: size.scripts + size.styles,
      overviewMs: percentile(overview, 0.5),
      routeChangeP95Ms: percentile(changes, 0.95),
      axeSerious: faults.length,
      routes: screens.length,
      journeys,
      statementsOfTenBrowsers: statements[1] / statements[0],
      details: { faults, statements },
    };
  } finally {
    await browser.close();
    await stack.stop();
  }
}

const toResult = ({ longTaskMs, domNodes, heapGrowthBytes }: Scrolled) => ({
  longTaskMs,
  domNodes,
  heapGrowthMb: heapGrowthBytes / 1_000_000,
});

/** Signs in with a code of its own, because the streams of one session are limited. */
async function signIn(browser: Browser, { urls, apiKey }: TemporaryStack): Promise<BrowserContext> {
  const { code } = (await caller({ urls, apiKey })("POST", "/v1/sign-in-codes")) as {
    code: string;
  };
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${urls.api}/console/#code=${code}`);
  await page.locator("#rail").waitFor({ state: "attached" });
  await page.close();
  return context;
}

/**
 * Counts the statements while a campaign runs at a steady rate and one browser, and then ten, show the overview and that campaign.
 * @returns both numbers
 */
async function compareBrowsers(
  browser: Browser,
  stack: TemporaryStack,
  meter: DatabaseMeter,
  { watchSeconds, say }: ConsoleBench,
): Promise<[number, number]> {
  const call = caller(stack);
  const campaign = (await call("POST", "/v1/campaigns", {
    name: "Watched",
    template: { key: templateKey },
    data,
    audience: { all: true },
    throttle: { perSecond },
  })) as { id: string };
  await call("POST", `/v1/campaigns/${campaign.id}/start`);
  const open: BrowserContext[] = [];
  const watch = async (count: number) => {
    while (open.length < count) {
      const context = await signIn(browser, stack);
      for (const path of ["", `campaigns/${campaign.id}`]) {
        const page = await context.newPage();
        await page.goto(`${stack.urls.api}/console/${path}`);
        await page.locator("h1").waitFor();
      }
      open.push(context);
    }
    say(`watching a campaign with ${count} ${count === 1 ? "browser" : "browsers"}`);
    await meter.reset();
    await open[0]!.pages()[0]!.waitForTimeout(watchSeconds * 1_000);
    return meter.countStatements();
  };
  const statements: [number, number] = [await watch(1), await watch(browsers)];
  await Promise.all(open.map((context) => context.close()));
  await call("POST", `/v1/campaigns/${campaign.id}/cancel`);
  return statements;
}

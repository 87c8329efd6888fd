import axe from "axe-core";
import type { Browser, BrowserContext, CDPSession, Page } from "playwright-core";

/** 10 Mbit/s with a latency of 40 ms. */
const slowNetwork = {
  offline: false,
  latency: 40,
  downloadThroughput: 1_250_000,
  uploadThroughput: 1_250_000,
};

/**
 * A function of the page: resolves with the milliseconds of the page's clock at which a screen has its heading and waits for no data.
 * `notHeading` is the heading of the screen before.
 */
const settledAt = `(path, notHeading) => new Promise((resolve) => {
  const look = () => {
    const heading = document.querySelector("main h1")?.textContent;
    const isThere = location.pathname === path && heading && heading !== notHeading;
    if (isThere && !document.querySelector('main [aria-busy="true"]')) resolve(performance.now());
    else requestAnimationFrame(look);
  };
  look();
})`;

/** Loads the overview with an empty cache over a slow network, and returns after how many milliseconds its data was shown. */
export async function measureLoad(context: BrowserContext, api: string): Promise<number> {
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  await session.send("Network.clearBrowserCache");
  await session.send("Network.emulateNetworkConditions", slowNetwork);
  await page.goto(`${api}/console/`, { waitUntil: "commit" });
  const ms = await page.evaluate<number>(`(${settledAt})("/console/", "")`);
  await page.close();
  return ms;
}

/** Reads the paths of all screens from the rail. */
export async function readScreens(context: BrowserContext, api: string): Promise<string[]> {
  const page = await openScreen(context, api, "/console/");
  const paths = await page.evaluate<string[]>(
    `[...document.querySelectorAll('#rail li a[href^="/console"]')].map(({ pathname }) => pathname)`,
  );
  await page.close();
  return paths;
}

async function openScreen(context: BrowserContext, api: string, path: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(api + path);
  await page.evaluate(`(${settledAt})(${JSON.stringify(path)}, "")`);
  return page;
}

/** Goes from screen to screen by the rail, and returns the milliseconds from each click until the data of the screen was shown. */
export async function measureRouteChanges(
  context: BrowserContext,
  api: string,
  screens: readonly string[],
  rounds: number,
): Promise<number[]> {
  const page = await openScreen(context, api, screens[0]!);
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1)
    for (const path of [...screens.slice(1), screens[0]!])
      times.push(
        await page.evaluate<number>(`(async () => {
          const before = document.querySelector("main h1").textContent;
          const begun = performance.now();
          document.querySelector('#rail li a[href="${path}"]').click();
          return (await (${settledAt})("${path}", before)) - begun;
        })()`),
      );
  await page.close();
  return times;
}

/** What scrolling costs the browser. */
export interface Scrolled {
  longTaskMs: number;
  domNodes: number;
  heapGrowthBytes: number;
}

const watchTasks = `
  window.longestTask = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) window.longestTask = Math.max(window.longestTask, duration);
  }).observe({ type: "longtask" });`;

/** Scrolls the deliveries, and goes on to the next page at the end of each. */
export async function scroll(
  context: BrowserContext,
  api: string,
  seconds: number,
): Promise<Scrolled> {
  const page = await openScreen(context, api, "/console/deliveries");
  const session = await context.newCDPSession(page);
  await page.evaluate(watchTasks);
  await page.mouse.move(640, 400);
  const before = await readHeap(session);
  let domNodes = 0;
  const until = performance.now() + seconds * 1_000;
  while (performance.now() < until) {
    await page.mouse.wheel(0, 600);
    await page.waitForTimeout(50);
    const { nodes, isAtEnd } = await page.evaluate<{ nodes: number; isAtEnd: boolean }>(`({
      nodes: document.querySelectorAll("*").length,
      isAtEnd: document.documentElement.scrollHeight - scrollY - innerHeight < 100,
    })`);
    domNodes = Math.max(domNodes, nodes);
    const next = page.getByRole("button", { name: "Older", exact: true });
    if (isAtEnd && (await next.isEnabled())) {
      await next.click();
      await page.evaluate(`(${settledAt})("/console/deliveries", "")`);
    }
  }
  const longTaskMs = await page.evaluate<number>("window.longestTask");
  const heapGrowthBytes = Math.max(0, (await readHeap(session)) - before);
  await page.close();
  return { longTaskMs, domNodes, heapGrowthBytes };
}

async function readHeap(session: CDPSession): Promise<number> {
  await session.send("HeapProfiler.collectGarbage");
  return (await session.send("Runtime.getHeapUsage")).usedSize;
}

/** Lists the serious and critical findings of axe-core on each screen, in both themes. */
export async function findSeriousFaults(
  browser: Browser,
  storageState: Awaited<ReturnType<BrowserContext["storageState"]>>,
  { api, screens }: { api: string; screens: readonly string[] },
): Promise<string[]> {
  const faults: string[] = [];
  for (const colorScheme of ["light", "dark"] as const) {
    const context = await browser.newContext({ colorScheme, storageState });
    for (const path of screens) {
      const page = await openScreen(context, api, path);
      await page.evaluate(axe.source);
      const { violations } = (await page.evaluate("axe.run(document)")) as axe.AxeResults;
      for (const { id, impact, nodes } of violations)
        if (impact === "serious" || impact === "critical")
          faults.push(`${colorScheme} ${path}: ${id} at ${nodes.length} places`);
      await page.close();
    }
    await context.close();
  }
  return faults;
}

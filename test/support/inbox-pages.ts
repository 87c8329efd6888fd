import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { launchBrowser } from "./browser.ts";
import { startHostPage } from "./host-page.ts";
import { waitMs } from "./patience.ts";
import { type ScriptedInbox, startScriptedInbox } from "./scripted-inbox.ts";

/** The titles of the items that the element shows. */
export const itemTitles = (page: Page) =>
  page.locator("[part=item-title] > [dir=auto]").allTextContents();

/** Says what has the focus, in the page or in the element: its name, the title of its item, or its text. */
export const focusedName = (page: Page): Promise<string> =>
  page.evaluate(`(() => {
    const element = document.activeElement?.shadowRoot?.activeElement ?? document.activeElement;
    const title = element?.querySelector("[dir=auto]")?.textContent;
    return (element?.getAttribute("aria-label") ?? title ?? element?.textContent ?? "").trim();
  })()`);

/** A browser for all tests of a file, and for each test a scripted inbox and an application that shows it. */
export function useInboxPages() {
  let browser: Browser;
  let pages: Page[] = [];
  const world = {
    server: undefined as unknown as ScriptedInbox,
    host: undefined as unknown as Awaited<ReturnType<typeof startHostPage>>,
    /** The token that the application issues; null if it issues none. */
    token: null as string | null,
    /** What the browser complained about: errors of scripts, and violations of the Content-Security-Policy. */
    complaints: [] as string[],
    visit,
    /** Visits the application and presses the bell. */
    open: async (options: BrowserContextOptions = {}) => {
      const page = await visit(options);
      await page.locator(".bell").click();
      return page;
    },
  };

  async function visit(options: BrowserContextOptions = {}): Promise<Page> {
    const page = await (await browser.newContext(options)).newPage();
    pages.push(page);
    page.setDefaultTimeout(waitMs);
    page.on("console", (message) => {
      // Chromium logs requests that failed, which some tests are about.
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
        world.complaints.push(message.text());
    });
    page.on("pageerror", (error) => world.complaints.push(error.message));
    await page.goto(world.host.url);
    return page;
  }

  beforeAll(async () => {
    browser = await launchBrowser();
  });
  beforeEach(async () => {
    world.server = await startScriptedInbox();
    world.token = "first";
    world.server.tokens.add("first");
    world.host = await startHostPage(world.server.url, async () => world.token);
    world.complaints = [];
    pages = [];
  });
  afterEach(async () => {
    await Promise.all(pages.map((page) => page.context().close()));
    await world.host.close();
    await world.server.close();
  });
  afterAll(() => browser?.close());
  return world;
}

import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { launchBrowser } from "./browser.ts";
import { waitMs } from "./patience.ts";

/**
 * A browser for pages of the console, for all tests of a file. Every test fails if one of its pages had an error of a script, violated the
 * Content-Security-Policy, or sent a request to another origin than that of `url`.
 */
export function useConsoleBrowser() {
  let browser: Browser;
  let contexts: { close(): Promise<void>; pages(): Page[] }[] = [];
  let allowed = new Set<string>();
  const pages = {
    /** The address of the console. */
    url: "",
    /** Errors of scripts, violations of the Content-Security-Policy, and requests to other origins. */
    complaints: [] as string[],
    visit,
    signIn,
    /** Lets the pages of this test send requests to another origin too, such as that of an OpenID provider. */
    allow: (origin: string) => void allowed.add(new URL(origin).origin),
  };

  /** Opens a page in a browser that has no session and no storage yet. */
  async function visit(path: string, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext(options);
    contexts.push(context);
    // Also the tabs that a page opens.
    context.on("page", watch);
    const page = await context.newPage();
    await page.goto(pages.url + path);
    return page;
  }

  function watch(page: Page): void {
    page.setDefaultTimeout(waitMs);
    page.on("console", (message) => {
      // Chromium logs requests that failed, which some tests are about.
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
        pages.complaints.push(message.text());
    });
    page.on("pageerror", (error) => pages.complaints.push(error.message));
    page.on("request", (request) => {
      const { protocol, origin } = new URL(request.url());
      if (protocol !== "data:" && origin !== new URL(pages.url).origin && !allowed.has(origin))
        pages.complaints.push(`a request to ${request.url()}`);
    });
  }

  async function signIn(page: Page, key: string): Promise<void> {
    await page.getByLabel("API key").fill(key);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    // On narrow screens the rail is hidden, so it has no role there.
    await page.locator("#rail").waitFor({ state: "attached" });
  }

  beforeAll(async () => {
    browser = await launchBrowser();
  });
  beforeEach(() => {
    pages.complaints = [];
    contexts = [];
    allowed = new Set();
  });
  afterEach(async ({ task }) => {
    const found = pages.complaints;
    // What the pages of a test showed when it failed says more than the condition that did not come.
    if (task.result?.state === "fail")
      for (const page of contexts.flatMap((context) => context.pages()))
        process.stderr.write(`${page.url()}\n${await page.locator("body").innerText()}\n`);
    await Promise.all(contexts.map((context) => context.close()));
    expect(found).toEqual([]);
  });
  afterAll(() => browser?.close());
  return pages;
}

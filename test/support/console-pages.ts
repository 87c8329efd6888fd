import axe from "axe-core";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { type Api, apiKey, makeKey, startApi } from "../api/harness.ts";
import { launchBrowser } from "./browser.ts";
import { startConsoleServer } from "./console-server.ts";
import { waitMs } from "./patience.ts";

/** A browser and an API for all tests of a file, and before them the console with people of each role. */
export function useConsole(prepare: (api: Api) => Promise<void>) {
  let browser: Browser;
  let viewerKey: string;
  let open: Page[] = [];
  const world = {
    api: undefined as unknown as Api,
    server: undefined as unknown as Awaited<ReturnType<typeof startConsoleServer>>,
    /** Errors of scripts, violations of the Content-Security-Policy, and requests to other hosts. */
    complaints: [] as string[],
    visit,
    signIn,
    /** Opens a page of the console as a person of a role. */
    async open(
      path = "",
      options: BrowserContextOptions & { as?: "admin" | "viewer" } = {},
    ): Promise<Page> {
      const { as = "admin", ...context } = options;
      const page = await visit(path, context);
      await signIn(page, as === "admin" ? apiKey : viewerKey);
      return page;
    },
  };

  async function visit(path: string, options: BrowserContextOptions = {}): Promise<Page> {
    const page = await (await browser.newContext(options)).newPage();
    open.push(page);
    page.setDefaultTimeout(waitMs);
    page.on("console", (message) => {
      // Chromium logs requests that failed, which some tests are about.
      if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
        world.complaints.push(message.text());
    });
    page.on("pageerror", (error) => world.complaints.push(error.message));
    page.on("request", (request) => {
      const { protocol, origin } = new URL(request.url());
      if (protocol !== "data:" && origin !== new URL(world.server.url).origin)
        world.complaints.push(`a request to ${request.url()}`);
    });
    await page.goto(world.server.url + path);
    return page;
  }

  async function signIn(page: Page, key: string): Promise<void> {
    await page.getByLabel("API key").fill(key);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    // On narrow screens the rail is hidden, so it has no role there.
    await page.locator("#rail").waitFor({ state: "attached" });
  }

  beforeAll(async () => {
    world.api = await startApi();
    await prepare(world.api);
    viewerKey = (await makeKey(world.api, { role: "viewer" })).secret;
    world.server = await startConsoleServer(world.api, [
      { name: "Ada Admin", role: "admin", key: apiKey },
      { name: "Vera Viewer", role: "viewer", key: viewerKey },
    ]);
    browser = await launchBrowser();
  });
  beforeEach(() => {
    world.complaints = [];
    open = [];
  });
  afterEach(() => Promise.all(open.map((page) => page.context().close())));
  afterAll(async () => {
    await browser?.close();
    await world.server?.close();
    await world.api?.stop();
  });
  return world;
}

/** Lists the rules of axe-core that the page violates seriously, with the elements. */
export async function findSeriousFaults(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = (await page.evaluate("axe.run(document)")) as axe.AxeResults;
  return found.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) =>
      nodes.map(
        ({ target, failureSummary }) => `${id}: ${target.flat().join(" ")} ${failureSummary}`,
      ),
    );
}

import { join } from "node:path";
import axe from "axe-core";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import type { ApiDeps } from "../../api/http/router.ts";
import { packageRoot } from "../../config/package-root.ts";
import { type Api, makeKey, startApi } from "../api/harness.ts";
import { launchBrowser } from "./browser.ts";
import { listen } from "./listening.ts";
import { patience, waitMs } from "./patience.ts";

/**
 * A browser, and an API that serves the built console, for all tests of a file, with people of two roles.
 * @param configure makes settings of the API that depend on the origin at which it is served
 */
export function useConsole(
  prepare: (api: Api) => Promise<void>,
  configure: (origin: string) => Promise<Partial<ApiDeps["config"]>> = async () => ({}),
) {
  let browser: Browser;
  let server: Awaited<ReturnType<typeof listen>>;
  let viewerKey: string;
  let open: Page[] = [];
  const world = {
    api: undefined as unknown as Api,
    /** The address of the console. */
    url: "",
    /** The secret of a key with the role admin, whose name is Ada Admin. */
    adminKey: "",
    /** Errors of scripts, violations of the Content-Security-Policy, and requests to other hosts. */
    complaints: [] as string[],
    visit,
    signIn,
    endSession,
    forgetProof,
    /** Opens a page of the console as a person of a role. */
    async open(
      path = "",
      options: BrowserContextOptions & { as?: "admin" | "viewer" } = {},
    ): Promise<Page> {
      const { as = "admin", ...context } = options;
      const page = await visit(path, context);
      await signIn(page, as === "admin" ? world.adminKey : viewerKey);
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
      if (protocol !== "data:" && origin !== new URL(world.url).origin)
        world.complaints.push(`a request to ${request.url()}`);
    });
    await page.goto(world.url + path);
    return page;
  }

  async function signIn(page: Page, key: string): Promise<void> {
    await page.getByLabel("API key").fill(key);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    // On narrow screens the rail is hidden, so it has no role there.
    await page.locator("#rail").waitFor({ state: "attached" });
  }

  /** Ends the session of a page, as an admin does. */
  async function endSession(page: Page): Promise<void> {
    const read = async () => {
      const headers = { "sec-fetch-site": "same-origin" };
      return page.request.get(new URL("/v1/session", world.url).href, { headers });
    };
    const { id } = (await (await read()).json()) as { id: string };
    await world.api.send("DELETE", `/v1/sessions/${id}`);
    await expect.poll(async () => (await read()).status(), patience).toBe(401);
  }

  /** Makes the proof of who uses the session of a page too old, as after ten minutes. */
  async function forgetProof(page: Page): Promise<void> {
    await world.api.prisma.session.updateMany({ data: { provenAt: null } });
    const headers = { "sec-fetch-site": "same-origin" };
    const read = async () => {
      const answer = await page.request.get(new URL("/v1/session", world.url).href, { headers });
      return ((await answer.json()) as { provenUntil: string | null }).provenUntil;
    };
    await expect.poll(read, patience).toBeNull();
  }

  beforeAll(async () => {
    server = await listen((request) => world.api.app.fetch(request));
    world.api = await startApi({
      config: {
        ...(await configure(server.url)),
        console: {
          hosts: ["127.0.0.1"],
          publicOrigin: "https://tidings.example.org",
          folder: join(packageRoot, "dist/console"),
          streams: 20,
          temporalUrl: "http://127.0.0.1:8233/namespaces/test/workflows",
          environment: { name: "Test", color: "violet" },
        },
      },
    });
    await prepare(world.api);
    world.adminKey = (await makeKey(world.api, { name: "Ada Admin", role: "admin" })).secret;
    viewerKey = (await makeKey(world.api, { name: "Vera Viewer", role: "viewer" })).secret;
    world.url = `${server.url}/console/`;
    browser = await launchBrowser();
  });
  beforeEach(() => {
    world.complaints = [];
    open = [];
  });
  afterEach(async ({ task }) => {
    // What the pages of a test showed when it failed says more than the condition that did not come.
    if (task.result?.state === "fail")
      for (const page of open.filter((each) => !each.isClosed()))
        process.stderr.write(`${page.url()}\n${await page.locator("body").innerText()}\n`);
    await Promise.all(open.map((page) => page.context().close()));
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await world.api?.stop();
  });
  return world;
}

/** Lists the rules of axe-core that the page violates seriously, with the elements. */
export async function findSeriousFaults(page: Page): Promise<string[]> {
  if (!(await page.evaluate("'axe' in window"))) await page.evaluate(axe.source);
  // The frame with the HTML of a message has an origin of its own, in which axe-core cannot run: it would wait for a minute.
  const found = (await page.evaluate(
    `axe.run(document, { iframes: false, resultTypes: ["violations"] })`,
  )) as axe.AxeResults;
  return found.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) =>
      nodes.map(
        ({ target, failureSummary }) => `${id}: ${target.flat().join(" ")} ${failureSummary}`,
      ),
    );
}

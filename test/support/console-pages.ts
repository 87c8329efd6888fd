import { join } from "node:path";
import axe from "axe-core";
import type { BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";
import type { ApiDeps } from "../../api/http/router.ts";
import { packageRoot } from "../../config/package-root.ts";
import { type Api, makeKey, startApi } from "../api/harness.ts";
import { useConsoleBrowser } from "./console-browser.ts";
import { listen } from "./listening.ts";
import { patience } from "./patience.ts";

/**
 * A browser, and an API that serves the built console, for all tests of a file, with people of two roles.
 * @param configure makes settings of the API that depend on the origin at which it is served
 */
export function useConsole(
  prepare: (api: Api) => Promise<void>,
  configure: (origin: string) => Promise<Partial<ApiDeps["config"]>> = async () => ({}),
) {
  let server: Awaited<ReturnType<typeof listen>>;
  let viewerKey: string;
  const world = Object.assign(useConsoleBrowser(), {
    api: undefined as unknown as Api,
    /** The secret of a key with the role admin, whose name is Ada Admin. */
    adminKey: "",
    endSession,
    forgetProof,
    /** Opens a page of the console as a person of a role. */
    async open(
      path = "",
      options: BrowserContextOptions & { as?: "admin" | "viewer" } = {},
    ): Promise<Page> {
      const { as = "admin", ...context } = options;
      const page = await world.visit(path, context);
      await world.signIn(page, as === "admin" ? world.adminKey : viewerKey);
      return page;
    },
    /** Opens another tab of the browser in which somebody has signed in. */
    async openTab(page: Page, path: string): Promise<Page> {
      const tab = await page.context().newPage();
      await tab.goto(world.url + path);
      await tab.locator("#rail").waitFor({ state: "attached" });
      return tab;
    },
  });

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
  });
  afterAll(async () => {
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

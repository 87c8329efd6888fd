import type { BrowserContextOptions, Page } from "playwright-core";
import { beforeAll, expect, it } from "vitest";
import { type Api, sampleTemplate } from "../api/harness.ts";
import { populate } from "../api/populated.ts";
import { findSeriousFaults, useConsole } from "./console-pages.ts";
import { placesOfMessages } from "./console-places-messages.ts";
import { placesOfSettings } from "./console-places-settings.ts";
import { addEndpoint } from "./webhook-endpoint.ts";
import { addProcess } from "./processes.ts";

/** What is looked at: the path of a page, what is done there, and what shows that it is ready. */
export interface Place {
  name: string;
  path: (known: Known) => string;
  act?: (page: Page, world: Pick<ReturnType<typeof useConsole>, "forgetProof">) => Promise<void>;
  ready: (page: Page) => Promise<unknown>;
}

/** Public ids of what exists. `waiting` is a delivery, `completed` and `draft` are campaigns. */
type Known = Awaited<ReturnType<typeof prepare>>;

async function prepare(api: Api) {
  await populate(api);
  // Processes that are not seen for a minute are gone, and the places take longer.
  const unseen = "-1 hour";
  await addProcess(api.pool, { kind: "api", version: "0.2.0", unseen });
  await addProcess(api.pool, { clockAheadMs: 9_000, isReady: false, unseen });
  const first = async (path: string) => (await api.send("GET", path)).body.items[0].id as string;
  const notification = await first("/v1/notifications");
  const { content, variables } = sampleTemplate;
  const changed = { email: { ...content.email, html: "<h1>Changed</h1>" } };
  await api.send("POST", "/v1/templates/plain/versions", { content: changed, variables });
  const frame = { key: "a11y", name: "A frame", html: "<h1>Shop</h1>{{ content_for_layout }}" };
  await api.send("POST", "/v1/layouts", frame);
  const topic = { key: "newsletter", name: "Newsletter", optIn: "single", isPublic: true };
  await api.send("POST", "/v1/topics", topic);
  await api.send("PUT", "/v1/topics/newsletter/subscribers/u1", { source: "Shop" });
  await api.pool.query(
    `UPDATE campaigns SET tracking = '{"opens": true, "clicks": true}' WHERE status = 'completed'`,
  );
  return {
    notification,
    delivery: await first("/v1/deliveries?status=failed"),
    campaign: await first("/v1/campaigns?status=running"),
    recipient: (await api.send("GET", "/v1/recipients/u1")).body.id as string,
    waiting: await first(`/v1/deliveries?notification=${notification}`),
    completed: await first("/v1/campaigns?status=completed"),
    draft: await first("/v1/campaigns?status=draft"),
    endpoint: await addEndpoint(api, { description: "billing service", disabledReason: "gone" }),
  };
}

/** Looks at all places in windows of a width, in both themes. */
export function lookAtPlaces(width: number) {
  let known: Known;
  const world = useConsole(async (api) => {
    known = await prepare(api);
  });

  /** All pages of a file share one session, which saves signing in on each. */
  let signedIn: NonNullable<BrowserContextOptions["storageState"]>;
  beforeAll(async () => {
    const page = await world.open("health");
    signedIn = await page.context().storageState();
    await page.context().close();
  });

  it.each([...placesOfMessages, ...placesOfSettings])(
    `$name at ${width} pixels: no serious fault in either theme, and nothing wider than the window`,
    async ({ path, act, ready }) => {
      const page = await world.visit(path(known), {
        storageState: signedIn,
        viewport: { width, height: 844 },
        reducedMotion: "reduce",
      });
      await page.locator("#rail").waitFor({ state: "attached" });
      await act?.(page, world);
      await ready(page);
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        // Colours fade from theme to theme, and one fade may begin another.
        await page.evaluate(
          "{ let fades; while ((fades = document.getAnimations().filter((each) => each instanceof CSSTransition)).length > 0) fades.forEach((fade) => fade.finish()); }",
        );
        expect([colorScheme, await findSeriousFaults(page)]).toEqual([colorScheme, []]);
      }
      expect(
        await page.evaluate(
          "document.documentElement.scrollWidth - document.documentElement.clientWidth",
        ),
      ).toBe(0);
    },
  );
  return world;
}

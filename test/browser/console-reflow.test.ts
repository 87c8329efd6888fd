import type { BrowserContextOptions, Page } from "playwright-core";
import { beforeAll, describe, expect, it } from "vitest";
import { populate } from "../api/populated.ts";
import { findSeriousFaults, useConsole } from "../support/console-pages.ts";
import { patience } from "../support/patience.ts";

const world = useConsole(async (api) => void (await populate(api)));

let signedIn: NonNullable<BrowserContextOptions["storageState"]>;
/** The paths of the screens in the rail. */
let screens: string[];
beforeAll(async () => {
  const page = await world.open("health");
  signedIn = await page.context().storageState();
  const links = await page.locator("#rail a[href^='/console']").all();
  const addresses = await Promise.all(links.map((link) => link.getAttribute("href")));
  screens = [...new Set(addresses.map((address) => address!.replace(/^\/console\/?/, "")))];
});

/** Waits until a screen is shown, and nothing of it is being loaded. */
async function settle(page: Page): Promise<void> {
  await page.getByRole("heading", { level: 1 }).waitFor();
  await expect.poll(() => page.locator("[aria-busy=true]").count(), patience).toBe(0);
}

/** How many pixels of a page lie to the right of its window. */
const overflow = (page: Page) =>
  page.evaluate<number>(
    "document.documentElement.scrollWidth - document.documentElement.clientWidth",
  );

/** Headings, buttons and links of which a part is hidden, without dots that say so. */
const cutOff = (page: Page) =>
  page.evaluate<
    string[]
  >(`[...document.querySelectorAll("header button, main :is(button, a, h1, h2, th)")]
    .filter((each) => {
      const { overflowX, textOverflow, position } = getComputedStyle(each);
      return each.scrollWidth > each.clientWidth + 1 && overflowX === "hidden" && textOverflow !== "ellipsis" && position !== "absolute";
    })
    .map((each) => each.textContent)`);

describe("every screen of the rail", () => {
  it("fits into 320 pixels, so that it is scrolled in one direction only", async () => {
    const viewport = { width: 320, height: 640 };
    const page = await world.visit("", { storageState: signedIn, viewport });
    const wide: unknown[] = [];
    for (const screen of screens) {
      await page.goto(world.url + screen);
      await settle(page);
      const pixels = await overflow(page);
      if (pixels > 0) wide.push([screen, pixels]);
    }
    expect(screens.length).toBeGreaterThan(10);
    expect(wide).toEqual([]);
  });

  it.each([1280, 640])("can be used with text of twice its size at %i pixels", async (width) => {
    const viewport = { width, height: 900 };
    const page = await world.visit("", { storageState: signedIn, viewport });
    const bad: unknown[] = [];
    for (const screen of screens) {
      await page.goto(world.url + screen);
      await settle(page);
      // As with the text size of the browser: all sizes are relative to it.
      await page.evaluate("document.documentElement.style.fontSize = '200%'");
      const [pixels, hidden] = [await overflow(page), await cutOff(page)];
      if (pixels > 0 || hidden.length > 0) bad.push([screen, pixels, hidden]);
    }
    expect(bad).toEqual([]);
  });
});

describe.each(["", "deliveries"])("/%s", (path) => {
  const open = async (options: BrowserContextOptions) => {
    const page = await world.visit(path, { storageState: signedIn, ...options });
    await settle(page);
    return page;
  };

  it.each(["light", "dark"] as const)(
    "keeps its marks where the system has colours of its own, %s",
    async (colorScheme) => {
      const page = await open({ forcedColors: "active", colorScheme });
      // Such a system draws the grounds of elements in one colour, which would hide bars and dots.
      const marks = `[...document.querySelectorAll("[role=img] > span, [data-liveness] > span:first-child")]`;
      const grounds = await page.evaluate<string[]>(
        `${marks}.map((each) => getComputedStyle(each).background)`,
      );
      const ground = await page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
      expect(grounds.length).toBeGreaterThan(0);
      expect(grounds.filter((each) => each.startsWith(`${ground} none`))).toEqual([]);
      await page.keyboard.press("Tab");
      expect(await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")).not.toBe(
        "none",
      );
      expect(await findSeriousFaults(page)).toEqual([]);
    },
  );

  it("does not move for those who want no motion", async () => {
    const page = await open({ reducedMotion: "reduce" });
    await page.getByRole("link", { name: "Overview", exact: true }).hover();
    const moving = await page.evaluate(
      "document.getAnimations().filter(({ effect }) => effect.getComputedTiming().endTime > 1).length",
    );
    expect(moving).toBe(0);
  });
});

import axe from "axe-core";
import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { focusedName, itemTitles, useInboxPages } from "../support/inbox-pages.ts";
import { scriptedItem } from "../support/scripted-inbox.ts";

const world = useInboxPages();
const until = expect.poll;
const complete = { action: "complete" as const, label: "Mark as done", url: "/a/token" };
const view = { action: "view" as const, label: "Open", url: "/tasks/2" };
const readAt = "2027-01-01T00:00:00.000Z";
const items = () => [
  scriptedItem(1, { readAt, seenAt: readAt }),
  scriptedItem(2, { actions: [complete, view] }),
  scriptedItem(3, { priority: "critical" }),
];
/** Presses keys one after the other, and returns what has the focus after each. */
async function press(page: Page, ...keys: string[]): Promise<string[]> {
  const names: string[] = [];
  for (const key of keys) {
    await page.keyboard.press(key);
    names.push(await focusedName(page));
  }
  return names;
}
/** Lists the rules of axe-core that the page violates, with the elements. */
async function violations(page: Page): Promise<string[]> {
  // A page that fades in has other colors than it has in the end.
  await page.evaluate(
    `Promise.all(document.querySelector("tidings-inbox").shadowRoot.getAnimations().map((one) => one.finished))`,
  );
  await page.evaluate(axe.source);
  const found = (await page.evaluate("axe.run(document)")) as axe.AxeResults;
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target }) => `${id}: ${target.flat().join(" ")}`),
  );
}
const setPage = (page: Page, attributes: Record<string, string>) =>
  page.evaluate((given) => {
    const { document } = globalThis as unknown as {
      document: { documentElement: { setAttribute: (name: string, value: string) => void } };
    };
    for (const [name, value] of Object.entries(given))
      document.documentElement.setAttribute(name, value);
  }, attributes);

describe("with the keyboard alone", () => {
  it("reaches everything, and gives the focus back", async () => {
    world.server.setItems(items());
    const page = await world.visit();
    await page.locator(".badge", { hasText: "2" }).waitFor();
    expect(await press(page, "Tab")).toEqual(["Notifications. Unread: 2"]);
    await page.keyboard.press("Enter");
    await page.locator(".item").first().waitFor();
    expect(await press(page, "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown")).toEqual([
      "Task 3",
      "Task 2",
      "Task 1",
      "Task 1",
    ]);
    expect(await press(page, "Home", "ArrowDown")).toEqual(["Task 3", "Task 2"]);
    expect(await press(page, "ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight")).toEqual([
      "Mark as done",
      "Open",
      "Mark as read: Task 2",
      "Archive: Task 2",
    ]);
    expect(await press(page, "ArrowLeft", "End", "Home")).toEqual([
      "Mark as read: Task 2",
      "Task 1",
      "Task 3",
    ]);
    // Only one row is in the order of the Tab key.
    expect(await press(page, "Shift+Tab", "Shift+Tab", "Tab", "Tab", "Tab", "Tab")).toEqual([
      "All",
      "Mark all as read",
      "All",
      "Task 3",
      "Mark as read: Task 3",
      "Archive: Task 3",
    ]);
    await page.keyboard.press("Escape");
    await page.locator("[popover]").waitFor({ state: "hidden" });
    await until(() => focusedName(page)).toBe("Notifications. Unread: 2");
    expect(await page.locator(".bell").getAttribute("aria-expanded")).toBe("false");
  });

  it("changes tabs, and archives row after row without losing its place", async () => {
    world.server.setItems(items());
    const page = await world.visit();
    await page.locator(".badge").waitFor();
    await press(page, "Tab", "Enter");
    await page.locator(".item").first().waitFor();
    await page.getByRole("tab", { name: "All" }).focus();
    expect(await press(page, "ArrowRight")).toEqual(["Unread (2)"]);
    await until(() => itemTitles(page)).toEqual(["Task 3", "Task 2"]);
    expect(await press(page, "ArrowLeft", "ArrowLeft", "Home")).toEqual(["All", "Archived", "All"]);
    await until(() => itemTitles(page)).toEqual(["Task 3", "Task 2", "Task 1"]);
    await press(page, "ArrowDown");
    for (const next of ["Task 2", "Task 1"]) {
      await press(page, "ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight");
      await page.keyboard.press("Enter");
      await until(() => focusedName(page)).toBe(next);
    }
    await press(page, "ArrowRight", "ArrowRight");
    await page.keyboard.press("Enter");
    await page.getByText("You have no notifications.").waitFor();
    await until(() => page.locator(".panel").evaluate((panel) => panel.matches(":focus"))).toBe(
      true,
    );
    await until(() => world.server.items().filter((item) => item.archivedAt === null)).toEqual([]);
  });

  it("closes the panel when the focus leaves it", async () => {
    world.server.setItems([scriptedItem(1, { readAt, seenAt: readAt })]);
    const page = await world.visit();
    await page.evaluate(`document.querySelector("main").append(document.createElement("input"))`);
    await press(page, "Tab", "Enter");
    await page.locator(".item").waitFor();
    await press(page, "Tab", "Tab", "Tab", "Tab", "Tab");
    await page.locator("[popover]").waitFor({ state: "hidden" });
    expect(await page.evaluate("document.activeElement.localName")).toBe("input");
  });
});

describe("axe-core finds no fault", () => {
  it.each(["light", "dark"] as const)("in the %s theme", async (colorScheme) => {
    world.server.setItems(items());
    const page = await world.visit({ colorScheme });
    await page.locator(".badge").waitFor();
    expect(await violations(page)).toEqual([]);
    await page.locator(".bell").click();
    await page.locator(".item").first().waitFor();
    expect(await violations(page)).toEqual([]);
    await page.locator(".main").nth(1).hover();
    await page.locator(".main").nth(1).focus();
    expect(await violations(page)).toEqual([]);
    await page.getByRole("button", { name: "Archive: Task 2" }).click();
    await page.locator(".toast").waitFor();
    expect(await violations(page)).toEqual([]);
    await page.getByRole("tab", { name: "Archived" }).click();
    await until(() => itemTitles(page)).toEqual(["Task 2"]);
    expect(await violations(page)).toEqual([]);
    await page.context().setOffline(true);
    await page.locator(".notice").waitFor();
    expect(await violations(page)).toEqual([]);
    expect(world.complaints).toEqual([]);
  });

  it("while there is nothing, and when nothing could be loaded", async () => {
    const page = await world.open();
    await page.getByText("You have no notifications.").waitFor();
    expect(await violations(page)).toEqual([]);
    world.token = "unknown";
    const other = await world.open();
    await other.getByText("could not be loaded").waitFor();
    expect(await violations(other)).toEqual([]);
  });
});

describe("the panel", () => {
  it("fills a phone of 320 pixels, and nothing in it is wider", async () => {
    const long = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen";
    world.server.setItems([
      scriptedItem(1, { title: long, body: long, actions: [{ ...complete, label: long }, view] }),
    ]);
    const viewport = { width: 320, height: 640 };
    const page = await world.open({ viewport, hasTouch: true, isMobile: true });
    await page.locator(".item").waitFor();
    await until(() => page.locator(".panel").boundingBox()).toEqual({ x: 0, y: 0, ...viewport });
    const tooWide = await page
      .locator("tidings-inbox *")
      .evaluateAll(
        (all, width) =>
          all
            .filter((one) => one.getBoundingClientRect().right > width)
            .map((one) => (one as { className: string }).className),
        viewport.width,
      );
    expect(tooWide).toEqual([]);
    expect(await violations(page)).toEqual([]);
    await page.getByRole("button", { name: "Close" }).tap();
    await page.locator("[popover]").waitFor({ state: "hidden" });
  });

  it.each([
    ["ltr", 700],
    ["rtl", 0],
  ])("stays within a window that is read %s, below or above its bell", async (dir, x) => {
    world.server.setItems(items());
    const page = await world.visit({ viewport: { width: 700, height: 600 } });
    await setPage(page, { dir });
    for (const top of [0, 540]) {
      await page.evaluate(`document.querySelector("header").style.marginBlockStart = "${top}px"`);
      await page.locator(".bell").click();
      await page.locator(".item").first().waitFor();
      const box = (await page.locator(".panel").boundingBox())!;
      const bell = (await page.locator(".bell").boundingBox())!;
      expect([box.x >= 0, box.x + box.width <= 700]).toEqual([true, true]);
      expect([box.y >= 0, box.y + box.height <= 600]).toEqual([true, true]);
      expect(top === 0 ? box.y > bell.y : box.y + box.height <= bell.y).toBe(true);
      expect(Math.abs((x === 0 ? box.x : box.x + box.width) - x)).toBeLessThan(60);
      await page.keyboard.press("Escape");
    }
  });

  it("speaks the language of the page, and the words of the application", async () => {
    world.server.setItems(items());
    const page = await world.visit();
    await setPage(page, { lang: "ar", dir: "rtl" });
    await page.locator(".bell").click();
    await page.getByRole("dialog", { name: "الإشعارات" }).waitFor();
    await page.locator(".item").first().waitFor();
    expect(await violations(page)).toEqual([]);
    await page.locator(".main").nth(1).focus();
    expect(await press(page, "ArrowLeft", "ArrowRight")).toEqual(["Mark as done", "Task 2"]);
    await page.evaluate(
      `Object.assign(document.querySelector("tidings-inbox"), { lang: "de-AT" })`,
    );
    await page.getByRole("dialog", { name: "Benachrichtigungen" }).waitFor();
    await page.evaluate(
      `document.querySelector("tidings-inbox").messages = { title: "Neuigkeiten" }`,
    );
    await page.getByRole("dialog", { name: "Neuigkeiten" }).waitFor();
    expect(await page.getByRole("tab").allTextContents()).toEqual([
      "Alle",
      "Ungelesen (2)",
      "Archiv",
    ]);
  });

  it("takes its theme from the page", async () => {
    world.server.setItems(items());
    const page = await world.open({ colorScheme: "light" });
    const surface = () =>
      page.locator(".panel").evaluate((panel) => {
        const { getComputedStyle } = globalThis as unknown as {
          getComputedStyle: (of: unknown) => { backgroundColor: string };
        };
        return getComputedStyle(panel).backgroundColor;
      });
    expect(await surface()).toBe("rgb(255, 255, 255)");
    await page.locator("tidings-inbox").evaluate((inbox) => inbox.setAttribute("theme", "dark"));
    expect(await surface()).toBe("rgb(28, 30, 38)");
    await page.evaluate(
      `document.querySelector("tidings-inbox").style.setProperty("--tidings-surface", "rgb(1, 2, 3)")`,
    );
    expect(await surface()).toBe("rgb(1, 2, 3)");
  });
});

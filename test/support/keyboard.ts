import type { Locator, Page } from "playwright-core";

/** More than any page or dialog has between two of its parts. */
const maxPresses = 120;

/** Moves the focus with the Tab key until an element has it, backwards with `Shift+Tab`. */
export async function tabTo(
  page: Page,
  target: Locator,
  key: "Tab" | "Shift+Tab" = "Tab",
): Promise<void> {
  await target.waitFor();
  for (let presses = 0; presses < maxPresses; presses++) {
    if ((await target.and(page.locator(":focus")).count()) > 0) return;
    await page.keyboard.press(key);
  }
  throw new Error("The Tab key does not reach the element.");
}

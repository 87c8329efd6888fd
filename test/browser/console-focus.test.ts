import type { Locator, Page } from "playwright-core";
import { expect, it } from "vitest";
import { populate } from "../api/populated.ts";
import { useConsole } from "../support/console-pages.ts";
import { patience } from "../support/patience.ts";

const until = expect.poll;
let campaign: string;
let recipient: string;
const world = useConsole(async (api) => {
  await populate(api);
  campaign = (await api.send("GET", "/v1/campaigns?status=running")).body.items[0].id;
  recipient = (await api.send("GET", "/v1/recipients/u1")).body.id;
});

/** What is opened with the keyboard: by Enter on a button, or by a key on a row. */
interface Opened {
  name: string;
  path: () => string;
  trigger: (page: Page) => Locator;
  key?: string;
  opened: (page: Page) => Locator;
}
const button = (name: string | RegExp) => (page: Page) =>
  page.getByRole("button", { name }).first();
const dialog = (page: Page) => page.locator("dialog[open]");
const firstRow = (page: Page) => page.locator("tbody tr[id]").first();

const places: readonly Opened[] = [
  {
    name: "the palette",
    path: () => "deliveries",
    trigger: button("Search or go to"),
    opened: dialog,
  },
  { name: "the list of keys", path: () => "queue", trigger: button(/^Keyboard/), opened: dialog },
  {
    name: "the menu of the person",
    path: () => "queue",
    trigger: button(/^Signed in as/),
    opened: (page) => page.locator("#me:popover-open"),
  },
  {
    name: "a filter",
    path: () => "deliveries",
    trigger: button("Status"),
    opened: (page) => page.getByRole("checkbox", { name: "Failed" }),
  },
  {
    name: "the export of deliveries",
    path: () => "deliveries",
    trigger: button("Export"),
    opened: (page) => page.getByRole("link", { name: /NDJSON/ }),
  },
  {
    name: "the Why drawer",
    path: () => "deliveries",
    trigger: firstRow,
    key: "w",
    opened: (page) => dialog(page).locator("h2"),
  },
  {
    name: "the drawer of a delivery",
    path: () => `recipients/${recipient}?tab=deliveries`,
    trigger: firstRow,
    key: "Enter",
    opened: (page) => dialog(page).locator("h2"),
  },
  {
    name: "stopping a campaign",
    path: () => `campaigns/${campaign}`,
    trigger: button("Stop"),
    opened: dialog,
  },
  {
    name: "stopping a channel",
    path: () => "providers",
    trigger: button("Stop all email now"),
    opened: dialog,
  },
  {
    name: "notifying",
    path: () => "notifications",
    trigger: button("Notify"),
    opened: dialog,
  },
  {
    name: "making a key",
    path: () => "settings?tab=keys",
    trigger: button("Create a key"),
    opened: dialog,
  },
  {
    name: "a preference",
    path: () => `recipients/${recipient}?tab=preferences`,
    trigger: button("Change: Do not disturb"),
    opened: dialog,
  },
  {
    name: "duplicating a template",
    path: () => "templates",
    trigger: button("Duplicate Plain"),
    opened: dialog,
  },
  {
    name: "the test of a template",
    path: () => "templates/plain",
    trigger: button(/^Test$/),
    opened: dialog,
  },
];

/** Whether the element has the focus. */
const hasFocus = async (page: Page, target: Locator) =>
  (await target.and(page.locator(":focus")).count()) === 1;

it.each(places)(
  "$name takes the focus, and gives it back to what opened it after Esc",
  async ({ path, trigger, key = "Enter", opened }) => {
    const page = await world.open(path());
    await trigger(page).waitFor();
    await trigger(page).focus();
    await page.keyboard.press(key);
    await opened(page).first().waitFor();
    // What has opened can be reached: the focus is not left on what lies below.
    await page.keyboard.press("Escape");
    await opened(page).first().waitFor({ state: "hidden" });
    await until(() => hasFocus(page, trigger(page)), patience).toBe(true);
  },
);

it("the sheet of the screens gives the focus back on a phone", async () => {
  const page = await world.open("queue", { viewport: { width: 390, height: 844 } });
  const menu = page.getByRole("button", { name: "Screens" });
  await menu.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: "Deliveries" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("link", { name: "Deliveries" }).waitFor({ state: "hidden" });
  await until(() => hasFocus(page, menu), patience).toBe(true);
});

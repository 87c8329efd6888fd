import type { Page } from "playwright-core";
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
  await api.send(
    "PATCH",
    `/v1/campaigns/${campaign}`,
    { data: { order: "A-18" } },
    { "if-match": "*" },
  );
});

interface Link {
  name: string;
  path: () => string;
  /** Shows something that the address then names. */
  act: (page: Page) => Promise<void>;
  ready: (page: Page) => Promise<unknown>;
  /** What both people have to see. */
  shown: (page: Page) => Promise<unknown>;
}

const textsOf = (page: Page, selector: string) => page.locator(selector).allInnerTexts();
const rowIds = (page: Page) =>
  page.locator("tbody tr[id]").evaluateAll((rows) => rows.map(({ id }) => id));
const currentTab = (page: Page) => page.locator("main nav [aria-current]").allInnerTexts();

const links: readonly Link[] = [
  {
    name: "filtered deliveries with the Why drawer",
    path: () => "deliveries",
    act: async (page) => {
      await page.getByRole("button", { name: "Status" }).click();
      await page.getByRole("checkbox", { name: "Failed" }).check();
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: "Status: Failed" }).waitFor();
      await page.locator("tbody tr[id]").first().focus();
      await page.keyboard.press("w");
    },
    ready: (page) => page.getByRole("dialog").locator("blockquote").waitFor(),
    shown: async (page) => [
      await rowIds(page),
      await page.getByRole("dialog").locator("h2, h3, blockquote").allInnerTexts(),
      await textsOf(page, "main thead"),
    ],
  },
  {
    name: "the comparison of two revisions of a campaign",
    path: () => `campaigns/${campaign}`,
    act: async (page) => {
      await page
        .getByRole("navigation", { name: "Parts of the campaign" })
        .getByRole("link", { name: "Revisions" })
        .click();
    },
    ready: (page) => page.getByRole("region", { name: "What differs" }).locator("dl").waitFor(),
    shown: async (page) => [
      await currentTab(page),
      await page.getByRole("region", { name: "What differs" }).locator("dl").innerText(),
      await textsOf(page, "main thead"),
    ],
  },
  {
    name: "the deliveries of a recipient with a drawer",
    path: () => `recipients/${recipient}`,
    act: async (page) => {
      await page.locator("main").getByRole("link", { name: "Deliveries", exact: true }).click();
      await page.locator("tbody tr[id]").first().focus();
      await page.keyboard.press("Enter");
    },
    ready: (page) => page.getByRole("dialog").getByText("Facts").waitFor(),
    shown: async (page) => [
      await currentTab(page),
      await rowIds(page),
      await page.getByRole("dialog").locator("dt").allInnerTexts(),
    ],
  },
  {
    name: "selected cells of the queue",
    path: () => "queue",
    act: (page) =>
      page.getByRole("grid").getByRole("button", { name: "Digest", exact: true }).click(),
    ready: (page) => page.locator("tbody tr[id]").first().waitFor(),
    shown: async (page) => [
      await textsOf(page, "[role=grid] [aria-selected=true]"),
      await rowIds(page),
    ],
  },
];

it.each(links)(
  "$name: another person who opens the link sees the same, in the same zone",
  async ({ path, act, ready, shown }) => {
    const zone = (page: Page) => page.getByRole("banner").getByRole("radio", { name: "UTC" });
    // Where the first person lives, 14 hours ahead, most instants are on another day.
    const first = await world.open(path(), { timezoneId: "Pacific/Kiritimati" });
    await zone(first).check();
    await until(() => new URL(first.url()).searchParams.get("tz"), patience).toBe("utc");
    await act(first);
    await ready(first);

    const second = await world.visit(first.url().slice(world.url.length), {
      timezoneId: "America/New_York",
    });
    await world.signIn(second, world.adminKey);
    await ready(second);
    expect(second.url()).toBe(first.url());
    expect(await zone(second).isChecked()).toBe(true);
    const seen = await shown(first);
    expect(JSON.stringify(seen)).not.toMatch(/^\[(\[\],?)*\]$/);
    await until(() => shown(second), patience).toEqual(seen);
  },
);

import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { populate } from "../api/populated.ts";
import { useConsole } from "../support/console-pages.ts";
import { patience } from "../support/patience.ts";

let places: string[];

const world = useConsole(async (api) => {
  await populate(api);
  const first = async (path: string) => (await api.send("GET", path)).body.items[0].id as string;
  const [failed, pending, campaign, notification] = await Promise.all([
    first("/v1/deliveries?status=failed"),
    first("/v1/deliveries?status=pending"),
    first("/v1/campaigns?status=running"),
    first("/v1/notifications"),
  ]);
  const recipient = (await api.send("GET", "/v1/recipients/u1")).body.id as string;
  const tabs = (path: string, names: readonly string[]) => names.map((tab) => `${path}?tab=${tab}`);
  places = [
    ...tabs("settings", ["keys", "sessions", "operators", "views", "appearance", "about"]),
    `campaigns/${campaign}`,
    `campaigns/${campaign}/edit`,
    "campaigns/new",
    "templates/plain",
    "templates/new",
    "layouts/new",
    ...tabs(`campaigns/${campaign}`, ["engagement", "revisions", "recall", "audit"]),
    `notifications/${notification}`,
    `recipients/${recipient}`,
    ...tabs(`recipients/${recipient}`, [
      "preferences",
      "topics",
      "deliveries",
      "devices",
      "events",
    ]),
    ...tabs(`recipients/${recipient}`, ["profile", "erase"]),
    `deliveries/${failed}`,
    `deliveries/${pending}`,
    `deliveries?peek=${failed}`,
    `deliveries?why=${failed}`,
    "routing/urgent-by-push",
    "routing/urgent-by-push?tab=versions",
    "providers/smtp-1",
    "queue?priority=normal",
  ];
});

/** The first words of buttons that change something. */
const verbs =
  /^(Start|Switch|Subscribe|Unsubscribe|Pause|Resume|Stop|Duplicate|Retry|Send now|Cancel|Change|Create|Rotate|Revoke|End|Undo|Delete|Save|New|Add|Archive|Restore|Reset|Import|Erase|Activate|Deactivate|Reveal|Notify|Recall|Set|Move|Use the default)\b/;
/** What viewers may do in an editor: to try everything, and save nothing. */
const trials = /^(Add|Move|Use)\b/;
const isEditor = (place: string) => /\/(new|edit|plain|urgent-by-push)$/.test(place);

/** POST requests that read. */
const reads = /\/(preview|forecast|search|check)$/;

async function expectNoVerb(page: Page, place: string): Promise<void> {
  await page.goto(world.url + place);
  await page.getByRole("heading", { level: 1 }).waitFor();
  await expect.poll(() => page.locator("[aria-busy=true]").count(), patience).toBe(0);
  for (const button of await page.locator("main button, dialog button").all()) {
    const name = ((await button.getAttribute("aria-label")) ?? (await button.innerText())).trim();
    if (!verbs.test(name) || (isEditor(place) && trials.test(name))) continue;
    const isOff =
      (await button.isDisabled()) || (await button.getAttribute("aria-disabled")) === "true";
    expect([place, name, isOff]).toEqual([place, name, true]);
  }
}

it("a viewer can change nothing on any screen, and is never refused", async () => {
  const page = await world.open("", { as: "viewer" });
  const refused: string[] = [];
  const changing: string[] = [];
  page.on("response", (response) => {
    if (response.status() === 403) refused.push(response.url());
  });
  page.on("request", (request) => {
    if (request.method() !== "GET" && !reads.test(request.url()))
      changing.push(`${request.method()} ${request.url()}`);
  });
  const links = await page.locator("#rail a[href^='/console']").all();
  const addresses = await Promise.all(links.map((link) => link.getAttribute("href")));
  expect(addresses.length).toBeGreaterThan(10);
  for (const address of addresses) await expectNoVerb(page, address!.replace(/^\/console\/?/, ""));
  for (const place of places) await expectNoVerb(page, place);
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Search or go to" }).fill("running");
  await page
    .getByRole("option", { name: /A running one/ })
    .first()
    .waitFor();
  expect([refused, changing]).toEqual([[], []]);
});

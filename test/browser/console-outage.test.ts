import type { Page } from "playwright-core";
import { afterEach, expect, it } from "vitest";
import { apiKey, sampleTemplate } from "../api/harness.ts";
import { useConsoleProcess } from "../support/console-process.ts";
import { patience } from "../support/patience.ts";

const until = expect.poll;
let isDown = false;

const world = useConsoleProcess(async (send) => {
  await send("PUT", "/v1/recipients/u1", { email: "u1@example.org" });
  await send("POST", "/v1/templates", sampleTemplate);
  await send("POST", "/v1/campaigns", {
    name: "Before the outage",
    template: { key: sampleTemplate.key },
    data: { order: "A-17" },
    audience: { all: true },
  });
  await send("POST", "/v1/routing-rules", {
    key: "night",
    name: "By night",
    when: { field: "priority", equals: "low" },
    route: { stages: [{ via: ["email"] }] },
  });
});
async function die(): Promise<void> {
  isDown = true;
  await world.kill();
}
async function comeBack(): Promise<void> {
  await world.start();
  isDown = false;
}
// Also after a test that has failed.
afterEach(async () => {
  if (isDown) await comeBack();
});

const notice = (page: Page) => page.getByText("The API does not answer, so this page may be");

/** Opens a page, and notes whether it is ever loaded again. */
async function open(path: string): Promise<Page> {
  const page = await world.visit(path);
  await world.signIn(page, apiKey);
  await page.evaluate("window.isFirstLoad = true");
  return page;
}
const expectNoReload = async (page: Page) =>
  expect(await page.evaluate("window.isFirstLoad")).toBe(true);

it("a list says that it is out of date while the API is gone, and is up to date again by itself", async () => {
  const page = await open("campaigns");
  const row = page.getByRole("row", { name: /Before the outage/ });
  await row.waitFor();
  await page.getByText("Live", { exact: true }).waitFor();
  expect(await notice(page).count()).toBe(0);
  await die();
  await notice(page).waitFor();
  await page.getByText("Delayed", { exact: true }).waitFor();
  // What was read stays, and the time at which it was read has its zone.
  await row.waitFor();
  expect(await page.getByText("It shows what was read at").locator("time").innerText()).toContain(
    "UTC",
  );

  await comeBack();
  await world.send("POST", "/v1/campaigns", {
    name: "After the outage",
    template: { key: sampleTemplate.key },
    data: { order: "A-18" },
    audience: { all: true },
  });
  await page.getByRole("row", { name: /After the outage/ }).waitFor();
  await notice(page).waitFor({ state: "detached" });
  await page.getByText("Live", { exact: true }).waitFor();
  await expectNoReload(page);
});

it("screens that are opened while the API is gone say so, and fill themselves when it is back", async () => {
  const page = await open("routing");
  await page.getByRole("link", { name: "By night" }).waitFor();
  await page.getByRole("link", { name: "Queue" }).click();
  await page.getByText("Nothing waits").first().waitFor();
  await die();
  await notice(page).waitFor();
  // A screen that has been opened before shows what it had.
  await page.getByRole("link", { name: "Routing" }).click();
  await page.getByRole("link", { name: "By night" }).waitFor();
  // A screen that nobody has opened here.
  await page.getByRole("link", { name: "Audit" }).click();
  await page.getByText("This screen could not be loaded").waitFor();
  await page.getByRole("link", { name: "Queue" }).click();
  await page.getByText("Nothing waits").first().waitFor();
  await expectNoReload(page);
  await page.getByRole("link", { name: "Audit" }).click();
  await page.getByText("This screen could not be loaded").waitFor();
  await comeBack();
  await page.locator("tbody tr[id]").first().waitFor();
  await page.getByRole("heading", { name: "Audit" }).waitFor();
  // What React says of each failure that a screen shows.
  world.complaints = world.complaints.filter((one) => !one.startsWith("ScreenNotLoaded"));
});

it("a form that is being filled in keeps what was typed, and is saved when the API is back", async () => {
  const page = await open("routing/night");
  const name = page.getByLabel("Name", { exact: true });
  await name.fill("By night, by email");
  await die();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("The request got no answer").first().waitFor();
  await notice(page).waitFor();
  expect(await name.inputValue()).toBe("By night, by email");
  await comeBack();
  await notice(page).waitFor({ state: "detached" });
  expect(await name.inputValue()).toBe("By night, by email");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Saved as version 2.").waitFor();
  expect((await world.send("GET", "/v1/routing-rules/night")).body.name).toBe("By night, by email");
  await expectNoReload(page);
});

it("a campaign that is being built is saved by itself when the API is back", async () => {
  const { id } = (await world.send("GET", "/v1/campaigns?q=Before")).body.items[0];
  const page = await open(`campaigns/${id}/edit`);
  const name = page.getByRole("textbox", { name: "Name", exact: true });
  await page.locator("#review li", { hasText: "Reachable" }).waitFor();
  await die();
  await name.fill("Typed during the outage");
  await notice(page).waitFor();
  await comeBack();
  await until(
    async () => (await world.send("GET", `/v1/campaigns/${id}`)).body.name,
    patience,
  ).toBe("Typed during the outage");
  expect(await name.inputValue()).toBe("Typed during the outage");
  await expectNoReload(page);
});

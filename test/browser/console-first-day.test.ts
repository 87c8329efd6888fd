import type { Page } from "playwright-core";
import { afterAll, expect, it } from "vitest";
import { useConsole } from "../support/console-pages.ts";
import { startMailWorker } from "../support/mail-worker.ts";
import { patience } from "../support/patience.ts";

const until = expect.poll;
let worker: Awaited<ReturnType<typeof startMailWorker>>;
const world = useConsole(async (api) => {
  worker = await startMailWorker(api);
});
afterAll(() => worker?.stop());

const steps = (page: Page) => page.getByRole("region", { name: "First steps" });
/** The steps that are done, in their order. */
const done = (page: Page) => steps(page).locator("li[data-done=true] strong").allInnerTexts();

it("the first day leads from nothing to the first message in a mailbox, step by step", async () => {
  const page = await world.open();
  // A new installation has some types.
  await until(() => done(page), patience).toEqual(["Define a notification type"]);
  await page.getByText("No campaign is running").waitFor();

  // This step has no screen yet, and names its request.
  await steps(page).getByText("POST /v1/recipients/import").waitFor();
  await world.api.send(
    "POST",
    "/v1/recipients/import",
    `{"externalId":"ada","email":"ada@example.org"}`,
    {
      "content-type": "application/x-ndjson",
    },
  );
  await until(() => done(page), patience).toEqual(["Add recipients", "Define a notification type"]);

  await steps(page).getByRole("link", { name: "Write a template" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Welcome");
  await page.getByRole("textbox", { name: /^Subject/ }).click();
  await page.keyboard.press("Control+a");
  await page.keyboard.type("Welcome to Tidings");
  await page.getByRole("textbox", { name: /^HTML/ }).click();
  await page.keyboard.press("Control+a");
  await page.keyboard.type("<p>Good morning</p>");
  await page.frameLocator("iframe").getByText("Good morning").waitFor();
  await page.getByRole("button", { name: "Create the template" }).click();
  await page.getByText("The template is created").waitFor();
  await page.getByRole("link", { name: "Overview", exact: true }).click();
  await steps(page).getByText("3 of 5 done").waitFor();

  await steps(page).getByRole("link", { name: "Send a test" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Recipients", { exact: true }).fill("ada");
  await dialog.getByLabel("Template", { exact: true }).selectOption("welcome");
  await dialog.getByRole("button", { name: "Preview" }).click();
  await dialog.getByRole("button", { name: "Send 1 delivery" }).click();
  await dialog.getByText("1 delivery = 1 pending").waitFor();
  await worker.wake(world.api.woken.at(-1)!);
  await until(() => worker.received.length, patience).toBe(1);
  const [{ to, email }] = worker.received as [(typeof worker.received)[number]];
  expect([to, email.subject, email.html?.trim()]).toEqual([
    ["ada@example.org"],
    "Welcome to Tidings",
    "<p>Good morning</p>",
  ]);
  await dialog.getByText("1 delivery = 1 sent").waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });

  await page.getByRole("link", { name: "Overview", exact: true }).click();
  await steps(page).getByText("4 of 5 done").waitFor();
  await steps(page).getByRole("link", { name: "Create a campaign" }).click();
  await page.getByRole("textbox", { name: "Name", exact: true }).fill("First campaign");
  await page.getByLabel("Template").selectOption("welcome");
  await page.getByRole("radio", { name: "Everybody", exact: true }).check();
  await page.waitForURL(/campaigns\/cmp_[^/]+\/edit/);
  await page.getByRole("link", { name: "Overview", exact: true }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await until(() => steps(page).count(), patience).toBe(0);
});

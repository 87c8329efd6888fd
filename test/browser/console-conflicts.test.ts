import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { sampleTemplate, seed } from "../api/harness.ts";
import { useConsole } from "../support/console-pages.ts";
import { patience } from "../support/patience.ts";

const until = expect.poll;
const world = useConsole(async (api) => {
  await seed(api, 4);
  await api.send("POST", "/v1/routing-rules", {
    key: "night",
    name: "By night",
    when: { field: "priority", equals: "low" },
    route: { stages: [{ via: ["email"] }] },
  });
});

const read = async (path: string) => (await world.api.send("GET", path)).body;
async function createCampaign(): Promise<string> {
  const { body } = await world.api.send("POST", "/v1/campaigns", {
    name: "Sale",
    template: { key: sampleTemplate.key },
    data: { order: "A-1" },
    audience: { all: true },
  });
  return body.id;
}

/** Two people who have the same page open, or two tabs of one person. */
async function openTwice(path: string, who: "one" | "two"): Promise<[Page, Page]> {
  const mine = await world.open(path);
  return [mine, who === "one" ? await world.openTab(mine, path) : await world.open(path)];
}
const conflict = (page: Page) => page.getByRole("dialog", { name: "Somebody else has changed it" });
const nameOf = (page: Page) => page.getByRole("textbox", { name: "Name", exact: true });

it.each(["one", "two"] as const)(
  "a campaign in two tabs of %s: three columns, and nothing is lost",
  async (who) => {
    const id = await createCampaign();
    const [mine, theirs] = await openTwice(`campaigns/${id}/edit`, who);
    for (const page of [mine, theirs]) await nameOf(page).waitFor();
    await nameOf(theirs).fill("Theirs");
    await theirs.getByLabel("At most (messages per second)").fill("5");
    await until(async () => (await read(`/v1/campaigns/${id}`)).throttle?.perSecond, patience).toBe(
      5,
    );
    await mine.getByLabel("Order").fill("A-99");
    await nameOf(mine).fill("Mine");
    const dialog = conflict(mine);
    await dialog.waitFor();
    const name = dialog.getByRole("group", { name: /^Name/ });
    expect(await name.innerText()).toMatch(/Before:\s*Sale[\s\S]*Mine[\s\S]*Theirs/);
    expect(await dialog.getByRole("button", { name: "Choose 1 more" }).isDisabled()).toBe(true);
    await name.getByRole("radio").first().check();
    await dialog.getByRole("button", { name: "Go on with this" }).click();
    await until(async () => (await read(`/v1/campaigns/${id}`)).name, patience).toBe("Mine");
    expect(await read(`/v1/campaigns/${id}`)).toMatchObject({
      data: { order: "A-99" },
      throttle: { perSecond: 5 },
    });
  },
);

it("a campaign: who decides later keeps both versions, and decides with the keyboard", async () => {
  const id = await createCampaign();
  const page = await world.open(`campaigns/${id}/edit`);
  await nameOf(page).waitFor();
  await world.api.send("PATCH", `/v1/campaigns/${id}`, { name: "Theirs" }, { "if-match": "*" });
  await nameOf(page).fill("Mine");
  await conflict(page).waitFor();
  await page.keyboard.press("Escape");
  await conflict(page).waitFor({ state: "detached" });
  expect(await nameOf(page).inputValue()).toBe("Mine");
  expect((await read(`/v1/campaigns/${id}`)).name).toBe("Theirs");
  await page.getByRole("button", { name: /Compare|Decide/ }).focus();
  await page.keyboard.press("Enter");
  await conflict(page).getByRole("radio").first().focus();
  await page.keyboard.press("Space");
  await page.keyboard.press("Tab");
  await conflict(page).getByRole("button", { name: "Go on with this" }).focus();
  await page.keyboard.press("Enter");
  await until(async () => (await read(`/v1/campaigns/${id}`)).name, patience).toBe("Mine");
});

it("a rule in two tabs: three columns, and the change of each is kept", async () => {
  const [mine, theirs] = await openTwice("routing/night", "one");
  await nameOf(mine).fill("Mine");
  await theirs.getByLabel("Later rules that hold add their stages").click();
  await theirs.getByRole("button", { name: "Save", exact: true }).click();
  await theirs.getByText("Saved as version 2.").waitFor();
  await mine.getByRole("button", { name: "Save", exact: true }).click();
  const dialog = conflict(mine);
  await dialog.getByRole("group", { name: "Final" }).getByText("(changed)").waitFor();
  expect(await dialog.getByRole("group").first().innerText()).toMatch(
    /Before:[\s\S]*Mine[\s\S]*Theirs/,
  );
  await dialog.getByRole("button", { name: "Go on with this" }).click();
  await mine.getByRole("button", { name: "Save", exact: true }).click();
  await mine.getByText("Saved as version 3.").waitFor();
  expect((await read("/v1/routing-rules/night")).name).toBe("Mine");
});

it("a profile: what was typed is kept, and each attribute is compared", async () => {
  const { id } = await read("/v1/recipients/u1");
  const page = await world.open(`recipients/${id}?tab=profile`);
  await page.getByRole("button", { name: "Edit", exact: true }).click();
  const edit = page.getByRole("dialog", { name: "Edit the profile" });
  await edit.getByLabel("Locale").fill("pt");
  await edit.getByLabel("Attributes").fill('{ "plan": "pro" }');
  await world.api.send(
    "PATCH",
    `/v1/recipients/${id}`,
    { attributes: { plan: "free", city: "Porto" } },
    { "if-match": "*" },
  );
  await edit.getByRole("button", { name: "Save" }).click();
  const dialog = conflict(page);
  const plan = dialog.getByRole("group", { name: /^Attribute plan/ });
  expect(await plan.innerText()).toMatch(/Before:\s*none[\s\S]*pro[\s\S]*free/);
  await plan.getByRole("radio").first().check();
  await dialog.getByRole("button", { name: "Go on with this" }).click();
  expect(await edit.getByLabel("Attributes").inputValue()).toContain('"city": "Porto"');
  await edit.getByRole("button", { name: "Save" }).click();
  await page.getByText("The profile is saved.").waitFor();
  expect(await read(`/v1/recipients/${id}`)).toMatchObject({
    locale: "pt",
    attributes: { plan: "pro", city: "Porto" },
  });
});

it("a template in two tabs: both texts side by side, and the older one is a version too", async () => {
  const path = `templates/${sampleTemplate.key}`;
  const [mine, theirs] = await openTwice(path, "one");
  const type = async (page: Page, text: string) => {
    await page.getByRole("textbox", { name: /^HTML/ }).click();
    await page.keyboard.press("Control+a");
    await page.keyboard.type(text);
    await page.getByText("Up to date").waitFor();
  };
  await type(mine, "<p>Mine</p>");
  await type(theirs, "<p>Theirs</p>");
  await theirs.keyboard.press("Control+s");
  await theirs.getByText("Saved as version 2.").waitFor();
  await mine.bringToFront();
  await mine.getByRole("button", { name: "Save as version 2" }).click();
  await mine.getByText("Version 2 was saved meanwhile").waitFor();
  await mine.getByRole("button", { name: "Compare", exact: true }).click();
  const side = (name: string) => mine.getByRole("textbox", { name: `${name}: Email, HTML` });
  await until(() => side("Your text").textContent(), patience).toContain("<p>Mine</p>");
  expect(await side("Version 2").textContent()).toContain("<p>Theirs</p>");
  await mine.getByRole("button", { name: "Keep my text for version 3" }).click();
  await mine.getByRole("button", { name: "Save as version 3" }).click();
  await mine.getByText("Saved as version 3.").waitFor();
  const html = async (version: number) =>
    (await read(`/v1/${path}/versions/${version}`)).content.email.html;
  expect([await html(2), await html(3)]).toEqual(["<p>Theirs</p>", "<p>Mine</p>"]);
});

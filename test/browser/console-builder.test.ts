import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { type Api, sampleTemplate } from "../api/harness.ts";
import { createCampaignWorker } from "../support/campaign-worker.ts";
import { useConsole } from "../support/console-pages.ts";
import { tabTo } from "../support/keyboard.ts";
import { patience } from "../support/patience.ts";

const until = expect.poll;
/** So many that their number has to be typed. */
const people = 1_200;

const world = useConsole(async (api) => {
  await api.send("POST", "/v1/templates", sampleTemplate);
  const lines = Array.from({ length: people }, (_, i) =>
    JSON.stringify({
      externalId: `u${i}`,
      email: `u${i}@example.org`,
      // One person in a hundred has no name, which the message uses.
      attributes: { ...(i % 100 !== 7 && { name: `N${i}` }), number: i, even: i % 2 === 0 },
    }),
  );
  await api.send("POST", "/v1/recipients/import", lines.join("\n"), {
    "content-type": "application/x-ndjson",
  });
  const segments = {
    even: { attribute: "even", equals: true },
    nameless: {
      all: [
        { attribute: "name", exists: false },
        { attribute: "number", lessThan: 300 },
      ],
    },
  };
  for (const [key, filter] of Object.entries(segments))
    await api.send("POST", "/v1/segments", { key, name: `The ${key}`, filter });
  for (const address of ["u1@example.org", "u2@example.org"])
    await api.send("POST", "/v1/suppressions", { channel: "email", address });
});

const campaign = {
  name: "Sale",
  template: { key: sampleTemplate.key },
  data: { order: "A-1" },
  audience: { include: ["even"] },
};

async function create(api: Api, part: object = {}): Promise<string> {
  const { status, body } = await api.send("POST", "/v1/campaigns", { ...campaign, ...part });
  expect(status).toBe(201);
  return body.id;
}
const read = async (id: string) => (await world.api.send("GET", `/v1/campaigns/${id}`)).body;

const nameOf = (page: Page) => page.getByRole("textbox", { name: "Name", exact: true });

/** Fills the sections of a new campaign in. */
async function fill(page: Page, name: string): Promise<void> {
  await nameOf(page).fill(name);
  await page.getByLabel("Template").selectOption(sampleTemplate.key);
  await page.getByLabel("Order").fill("A-1");
  await page.getByRole("button", { name: "In any of" }).click();
  await page.getByRole("checkbox", { name: "The even" }).check();
  await page.keyboard.press("Escape");
}
const reachableIn = (page: Page, part: string) =>
  page.locator(part).locator("li", { hasText: "Reachable" });

describe("the builder", () => {
  it("builds a campaign with the keyboard alone, from the count to its progress", async () => {
    const page = await world.open("campaigns/new");
    const press = (key: string) => page.keyboard.press(key);
    await tabTo(page, nameOf(page));
    await page.keyboard.type("Spring sale");
    await tabTo(page, page.getByLabel("Template"));
    await press("o");
    await tabTo(page, page.getByLabel("Order"));
    await page.keyboard.type("A-17");
    await tabTo(page, page.getByRole("radio", { name: "Those in segments" }));
    await press("ArrowDown");
    await tabTo(page, page.getByRole("button", { name: "Not in" }));
    await press("Enter");
    await tabTo(page, page.getByRole("checkbox", { name: "The nameless" }));
    await press("Space");
    await press("Escape");

    // Three people lack a name among the first 300, and two addresses are suppressed.
    const count = page.getByTestId("audience-count");
    await count.getByText("= 1,195").waitFor();
    expect(await count.innerText()).toMatch(/All included[\s\S]*1,200[\s\S]*Excluded[\s\S]*− 3/);
    await reachableIn(page, "#review").getByText("= 1,195").waitFor();
    await page.waitForURL(/campaigns\/cmp_[^/]+\/edit/);
    const id = /cmp_[^/]+/.exec(page.url())![0];
    await page
      .getByRole("main")
      .getByText(/^Saved/)
      .waitFor();
    const { body: forecast } = await world.api.send("POST", "/v1/campaigns/forecast", {
      campaign: id,
    });
    expect(forecast.reachable).toBe(1_195);

    // From the section that had the focus last, j and k step through the sections.
    const heading = () => page.locator("h2:focus").allInnerTexts();
    await tabTo(page, page.getByRole("button", { name: "Start…" }));
    await press("k");
    await until(heading, patience).toEqual(["Guard"]);
    await press("j");
    await until(heading, patience).toEqual(["Review"]);

    await page.getByRole("button", { name: "Start…" }).focus();
    await press("Enter");
    const dialog = page.getByRole("dialog");
    const start = dialog.getByRole("button", { name: "Start for 1,195 recipients" });
    await start.waitFor();
    expect(await start.isDisabled()).toBe(true);
    await tabTo(page, dialog.getByLabel("Start it without a test"));
    await press("Space");
    await tabTo(page, dialog.getByLabel("Type 1195 to confirm"));
    await page.keyboard.type("1195");
    await tabTo(page, start);
    await press("Enter");
    await page.waitForURL(new RegExp(`campaigns/${id}$`));
    expect(await read(id)).toMatchObject({ status: "scheduled", data: { order: "A-17" } });
    const { body: audit } = await world.api.send(
      "GET",
      `/v1/audit?resource=${id}&action=campaign.start`,
    );
    expect(audit.items[0].after).toMatchObject({ withoutTestSend: true });

    const worker = createCampaignWorker(world.api.pool);
    const progress = async () => {
      await worker.run(id);
      return (await world.api.send("GET", `/v1/campaigns/${id}/progress`)).body.counts;
    };
    await until(progress, patience).toMatchObject({ pending: 0, sent: 1_195, suppressed: 2 });
    await page.reload();
    await page.getByRole("img", { name: /1,195 sent/ }).waitFor();
  });

  it("offers the draft again after the page was closed, and stores nothing until it is complete", async () => {
    const before = await world.api.prisma.campaign.count();
    const page = await world.open("campaigns/new");
    await nameOf(page).fill("Half a campaign");
    await page.getByText("Kept in this browser").waitFor();
    await page.reload();
    await page.getByText(/Restore draft of/).waitFor();
    expect(await nameOf(page).inputValue()).toBe("");
    await page.getByRole("button", { name: "Restore" }).click();
    await until(() => nameOf(page).inputValue(), patience).toBe("Half a campaign");
    expect(await world.api.prisma.campaign.count()).toBe(before);

    // What is missing is named, and leads to its section.
    await page.getByRole("button", { name: "Start…" }).click();
    await page.getByLabel("Problems").getByText("Choose a template.").waitFor();
    await page.reload();
    await page.getByRole("button", { name: "Discard" }).click();
    await page.getByText(/Restore draft of/).waitFor({ state: "detached" });
    await page.reload();
    await nameOf(page).waitFor();
    expect(await page.getByText(/Restore draft of/).count()).toBe(0);
  });

  it("shows whom an edit of a running campaign reaches, and reaches exactly those", async () => {
    const sent: unknown[] = [];
    const worker = createCampaignWorker(world.api.pool, ({ data }) => {
      sent.push(data["order"]);
      return "sent";
    });
    // Without the suppressed address, so that each message that waits is sent.
    const where = { attribute: "number", atLeast: 10 };
    const id = await create(world.api, { audience: { include: ["even"], where } });
    await world.api.send("POST", `/v1/campaigns/${id}/start`);
    const step = await worker.advance(id);
    if (step.next !== "drain") throw new Error(`the campaign ${step.next}s`);
    await worker.drain(id, step.lanes.slice(0, 3));
    const before = sent.length;
    const { counts } = (await world.api.send("GET", `/v1/campaigns/${id}/progress`)).body;
    expect(before).toBeGreaterThan(0);

    const page = await world.open(`campaigns/${id}/edit`);
    await page.getByText("The audience is frozen").waitFor();
    expect(await page.getByRole("heading", { name: "Audience", exact: true }).count()).toBe(0);
    await page.getByLabel("Order").fill("B-2");
    await page.getByRole("button", { name: "Apply the changes…" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText(`${counts.pending} that wait`).waitFor();
    await dialog.getByText(`${before} that were sent`).waitFor();
    await dialog.getByRole("button", { name: `Apply to ${counts.pending} messages` }).click();
    await page.waitForURL(new RegExp(`campaigns/${id}$`));

    await worker.drain(id, step.lanes);
    expect(sent.filter((order) => order === "A-1")).toHaveLength(before);
    expect(sent.filter((order) => order === "B-2")).toHaveLength(counts.pending);
  });

  it("previews the message for one recipient after the other, and flags who lacks a value", async () => {
    const id = await create(world.api, { audience: { include: ["nameless"] } });
    const page = await world.open(`campaigns/${id}/edit`);
    await page.getByText("3 of these 3 recipients lack a value").waitFor();
    await page.getByText("attributes.name").first().waitFor();
    const frame = page.frameLocator("iframe");
    await frame.getByText("A-1 is on its way").waitFor();
    await page.getByLabel("Order").fill("C-3");
    await frame.getByText("C-3 is on its way").waitFor();
    const shown = () => page.getByLabel("Preview for").inputValue();
    await page.getByRole("heading", { name: "Message", exact: true }).focus();
    await page.keyboard.press("]");
    await until(shown, patience).toBe("1");
    await page.keyboard.press("[");
    await page.keyboard.press("[");
    await until(shown, patience).toBe("2");
    // What the API finds is shown at the variable.
    await page.getByLabel("Order").fill("x".repeat(101));
    await page
      .locator("#message")
      .getByRole("alert")
      .getByText(/at most 100/)
      .waitFor();
  });

  it("counts conditions, in a tree and as JSON", async () => {
    const page = await world.open("campaigns/new");
    await page.getByRole("button", { name: "Add conditions" }).click();
    await page.getByLabel("Attribute", { exact: true }).fill("number");
    await page.getByLabel("Comparison").selectOption("lessThan");
    await page.getByLabel("Value").fill("10");
    const count = page.getByTestId("audience-count");
    await count.getByText("= 8").waitFor();
    await page.getByRole("button", { name: "Add a group" }).click();
    await page.getByLabel("How the conditions combine").nth(1).selectOption("none");
    await page.getByLabel("Attribute", { exact: true }).nth(1).fill("even");
    await page.getByLabel("Value").nth(1).fill("true");
    await count.getByText("= 4").waitFor();
    await page.getByRole("button", { name: "Edit as JSON" }).click();
    const json = page.getByLabel("Conditions (JSON)");
    expect(JSON.parse(await json.inputValue())).toEqual({
      all: [{ attribute: "number", lessThan: 10 }, { not: { attribute: "even", equals: true } }],
    });
    await json.fill('{"attribute": "number", "in": [3, 4]}');
    await count.getByText("= 2").waitFor();
  });

  it("explains hours that the clocks skip or show twice, and schedules for the instant", async () => {
    const page = await world.open("campaigns/new");
    await fill(page, "By night");
    await page.getByRole("radio", { name: "At a time" }).check();
    await page.getByLabel("By the clocks of").fill("Europe/Berlin");
    await page.getByLabel("Day and time").fill("2090-03-26T02:30");
    await page.getByText("The clocks in Europe/Berlin skip").waitFor();
    await page.getByRole("button", { name: "Use 03:30" }).click();
    await page.getByText("01:30:00 UTC").waitFor();
    await page.getByLabel("Day and time").fill("2090-10-29T02:30");
    await page.getByRole("radio", { name: /The second time/ }).check();
    await page.getByText("01:30:00 UTC").waitFor();

    await page.getByLabel("To the recipient").fill("u0");
    await page.getByRole("button", { name: "Send a test" }).click();
    await page.getByText("A test of this message was sent.").waitFor();
    await page.getByRole("button", { name: "Schedule…" }).click();
    await page
      .getByRole("dialog")
      .getByRole("button", { name: "Schedule for 599 recipients" })
      .click();
    await page.waitForURL(/campaigns\/cmp_[^/]+$/);
    const id = /cmp_[^/?]+/.exec(page.url())![0];
    expect(await read(id)).toMatchObject({
      status: "scheduled",
      startAt: "2090-10-29T01:30:00.000Z",
    });
  });

  it("lets viewers try everything, and save nothing", async () => {
    const before = await world.api.prisma.campaign.count();
    const page = await world.open("campaigns/new", { as: "viewer" });
    await fill(page, "Only looking");
    await reachableIn(page, "#review").getByText("= 599").waitFor();
    const start = page.getByRole("button", { name: "Start…" });
    expect(await start.getAttribute("aria-disabled")).toBe("true");
    expect(await start.getAttribute("title")).toContain("Needs the role sender");
    expect(await world.api.prisma.campaign.count()).toBe(before);
  });
});

import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { sampleTemplate, seed } from "../api/harness.ts";
import { createCampaignWorker } from "../support/campaign-worker.ts";
import { useConsole } from "../support/console-pages.ts";
import { patience } from "../support/patience.ts";

const until = expect.poll;
/** More than from where a number has to be typed, on each of two lanes. */
const people = 2_400;

const world = useConsole((api) => seed(api, people));

async function create(name: string, more: object = {}): Promise<string> {
  const { status, body } = await world.api.send("POST", "/v1/campaigns", {
    name,
    template: { key: sampleTemplate.key },
    audience: { where: { attribute: "even", equals: true } },
    data: { order: "A-17" },
    ...more,
  });
  expect(status).toBe(201);
  return body.id;
}
const read = async (id: string, path = "") =>
  (await world.api.send("GET", `/v1/campaigns/${id}${path}`)).body;
const act = (id: string, verb: string) => world.api.send("POST", `/v1/campaigns/${id}/${verb}`);

/** Opens a part of the page of a campaign. */
const openTab = (page: Page, name: string) =>
  page
    .getByRole("navigation", { name: "Parts of the campaign" })
    .getByRole("link", { name })
    .click();

/** A campaign that runs, with nothing sent yet. */
async function running(name: string, more: object = {}) {
  const worker = createCampaignWorker(world.api.pool);
  const id = await create(name, more);
  await act(id, "start");
  const step = await worker.advance(id);
  if (step.next !== "drain") throw new Error(`it ${step.next}s`);
  return { id, worker, lanes: step.lanes };
}

describe("a campaign", () => {
  it("is started, watched, paused, resumed, reconciled and stopped on its page", async () => {
    const worker = createCampaignWorker(world.api.pool);
    const id = await create("Spring sale", { audience: { all: true } });
    const page = await world.open(`campaigns/${id}`);
    await page.getByText("The audience is not frozen yet.").waitFor();
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await page.getByText("Its audience: Everybody.").waitFor();
    await page.getByRole("button", { name: "Start the campaign" }).click();
    await page.getByText("The campaign “Spring sale” starts.").waitFor();

    // What the worker does appears without a reload.
    const step = await worker.advance(id);
    expect(step.next).toBe("drain");
    const bar = page.getByRole("img", { name: /^Progress: / });
    await until(() => bar.getAttribute("aria-label"), patience).toBe(
      "Progress: 2,400 = 2,400 pending",
    );
    await worker.drain(id, [0]);
    const { counts } = await read(id, "/progress");
    expect(counts.sent).toBeGreaterThan(0);
    expect(counts.pending).toBeGreaterThan(1_000);
    const shown = (count: number) => count.toLocaleString("en");
    await until(() => bar.getAttribute("aria-label"), patience).toBe(
      `Progress: 2,400 = ${shown(counts.sent)} sent + ${shown(counts.pending)} pending`,
    );
    await page.getByText(`${shown(counts.pending)} waiting, 0 being sent`).waitFor();

    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText("The campaign “Spring sale” is paused.").waitFor();
    await page.getByText("Until the campaign is resumed").waitFor();
    await page.keyboard.press("z");
    await page.getByText("The campaign “Spring sale” continues.").waitFor();
    expect((await read(id)).status).toBe("running");
    // Until the page shows that the campaign runs, `p` would resume it.
    await until(() => page.getByRole("button", { name: "Pause" }).isEnabled(), patience).toBe(true);
    await page.keyboard.press("p");
    await page.getByRole("button", { name: "Resume" }).waitFor();
    await page.getByRole("button", { name: "Resume" }).click();
    await page.getByRole("button", { name: "Pause" }).waitFor();

    await page.getByLabel("Messages per second").fill("10");
    await page.getByText(/at least at this rate/).waitFor();
    await page.getByRole("button", { name: "Set" }).click();
    await page.getByText("10 per second at most").waitFor();
    expect((await read(id)).throttle.perSecond).toBe(10);
    await page.getByLabel("Messages per second").fill("1000000");
    await page.getByRole("button", { name: "Set" }).click();
    await page.getByRole("alert").filter({ hasText: "must be at most 100000" }).waitFor();

    await page.getByRole("button", { name: "Reconcile" }).click();
    await page.getByText("Everybody in the audience has exactly one delivery").waitFor();
    await page
      .getByText(`2,400 = ${shown(counts.sent)} sent + ${shown(counts.pending)} pending`)
      .waitFor();

    await openTab(page, "Recall and correction");
    const would = page.getByRole("list", { name: "What a recall would do now" });
    await until(() => would.locator("li").allTextContents(), patience).toEqual([
      `${shown(counts.pending)}wait, and will be cancelled`,
      "0are being handed over, and will still be sent",
      `${shown(counts.sent)}have been received`,
      "0may have been received",
    ]);
    expect((await read(id)).recalledAt).toBeNull();

    await page.getByRole("button", { name: "Stop" }).click();
    const stop = page.getByRole("button", {
      name: `Stop it and cancel ${shown(counts.pending)} deliveries`,
    });
    expect(await stop.isDisabled()).toBe(true);
    await page.getByLabel(/to confirm/).fill("7");
    expect(await stop.isDisabled()).toBe(true);
    await page.getByLabel(/to confirm/).fill(String(counts.pending));
    await stop.click();
    await page.getByText("The campaign “Spring sale” is stopped.").waitFor();
    await worker.advance(id);
    expect((await read(id, "/progress")).counts).toMatchObject({
      sent: counts.sent,
      cancelled: counts.pending,
    });
  });

  it("is recalled, and those who have it get a correction", async () => {
    const { id, worker, lanes } = await running("Wrong price", {
      audience: { where: { attribute: "number", lessThan: 30 } },
    });
    const { audienceCount } = await read(id);
    await worker.drain(id, lanes);
    const page = await world.open(`campaigns/${id}?tab=recall`);
    await page.getByRole("button", { name: "Recall…" }).click();
    await page.getByLabel("Reason").fill("The price was wrong");
    await page.getByRole("button", { name: "Recall the campaign" }).click();
    await worker.advance(id);
    await page.getByText("The recall is final").waitFor();
    const correct = page.getByRole("button", {
      name: `Send the correction to ${audienceCount} recipients`,
    });
    await page.getByLabel("Data").fill("no JSON");
    await correct.click();
    await page.getByText("must be a JSON object").waitFor();
    await page.getByLabel("Data").fill('{"order": "B-18"}');
    await correct.click();
    await page.getByRole("heading", { name: "Correction of Wrong price" }).waitFor();
    const correction = await read(page.url().split("/").at(-1)!);
    expect(correction).toMatchObject({ corrects: id, data: { order: "B-18" } });
    expect(correction.status).toBe("scheduled");
    // Each of both pages leads to the other.
    await page.getByRole("note").getByRole("link", { name: "Wrong price", exact: true }).click();
    await page.getByText("It has a correction").waitFor();
    await page.getByRole("link", { name: "Correction of Wrong price" }).waitFor();
    await openTab(page, "Audit");
    await page.getByText("The price was wrong").waitFor();
  });

  it("shows what two revisions of its message differ in, and who wrote them", async () => {
    const { id } = await running("Edited");
    for (const order of ["A-18", "A-19"]) {
      const { headers } = await world.api.send("GET", `/v1/campaigns/${id}`);
      const edited = await world.api.send(
        "PATCH",
        `/v1/campaigns/${id}`,
        { data: { order } },
        { "if-match": headers.get("etag")! },
      );
      expect(edited.status).toBe(200);
    }
    const page = await world.open(`campaigns/${id}?tab=revisions`);
    const differs = page.getByRole("region", { name: "What differs" });
    await until(() => differs.locator("dl").textContent(), patience).toBe("Data orderA-18 A-19");
    await page.getByLabel("The earlier revision").selectOption("1");
    await until(() => differs.locator("dl").textContent(), patience).toBe("Data orderA-17 A-19");
    expect(new URL(page.url()).search).toBe("?tab=revisions&since=1");
    await page
      .getByRole("row", { name: /^3 · current/ })
      .getByText("First API key")
      .waitFor();
  });

  it("says why somebody did or did not get it, and names nobody in the address", async () => {
    const { id, worker, lanes } = await running("For the even");
    await worker.drain(id, lanes);
    const page = await world.open(`campaigns/${id}`);
    const ask = async (typed: string) => {
      await page.getByRole("textbox", { name: "Recipient" }).fill(typed);
      await page.keyboard.press("Enter");
    };
    await ask("u1@exam");
    await page.getByRole("button", { name: /^u1/ }).click();
    await page.getByText("The recipient was not in the audience when it was frozen").waitFor();
    await page.getByRole("listitem").filter({ hasText: "Keeps them out: even is true" }).waitFor();
    await ask("nobody@example.org");
    await page.getByText("No recipient has that in an id or an address.").waitFor();
    await ask("u2@exam");
    await page.getByRole("button", { name: /^u2/ }).click();
    const { id: recipient } = (await world.api.send("GET", "/v1/recipients/u2")).body;
    await until(() => new URL(page.url()).search, patience).toBe(`?of=${recipient}`);
    await page.getByRole("link", { name: "Why, rule by rule" }).click();
    await page.getByRole("heading", { name: "The decision" }).waitFor();
    expect(new URL(page.url()).searchParams.get("why")).toMatch(/^dlv_/);
    const temporal = page.getByRole("link", { name: "Workflows in Temporal" });
    expect(new URL((await temporal.getAttribute("href"))!).searchParams.get("query")).toBe(
      `TidingsCampaign="${id}"`,
    );
  });

  it("offers nothing to a viewer that a viewer may not do", async () => {
    const { id } = await running("Looked at");
    const page = await world.open(`campaigns/${id}`, { as: "viewer" });
    for (const name of ["Pause", "Stop", "Duplicate", "Set"]) {
      const button = page.getByRole("button", { name, exact: true });
      await button.waitFor();
      expect(await button.getAttribute("aria-disabled")).toBe("true");
      expect(await button.getAttribute("title")).toMatch(/Needs the role sender/);
    }
    await page.keyboard.press("p");
    await openTab(page, "Recall and correction");
    const recall = page.getByRole("button", { name: "Recall…" });
    await recall.waitFor();
    expect(await recall.getAttribute("aria-disabled")).toBe("true");
    await openTab(page, "Audit");
    await page.getByText("The audit trail needs the role admin").waitFor();
    expect((await read(id)).status).toBe("running");
  });
});

describe("the campaigns", () => {
  it("are filtered, selected, paused together after a count, and taken back", async () => {
    const ids = [
      (await running("Bulk one")).id,
      (await running("Bulk two")).id,
      await create("Bulk draft"),
    ];
    const statuses = () => Promise.all(ids.map(async (id) => (await read(id)).status));
    const page = await world.open("campaigns");
    await page.getByLabel("Filter by a part of the name").fill("bulk");
    await until(() => page.locator("tbody tr").count(), patience).toBe(3);
    expect(new URL(page.url()).search).toBe("?q=bulk");
    await page.getByRole("img", { name: /^Bulk one: 1,200 = 1,200 pending/ }).waitFor();
    await page.locator("tbody tr").first().focus();
    await page.keyboard.press("Control+a");
    const bar = page.getByRole("toolbar", { name: "With the selection" });
    await bar.getByText("3 selected").waitFor();
    await bar.getByRole("button", { name: "Pause" }).click();
    await page.getByText("2 of 3 campaigns can be paused.").waitFor();
    expect(await statuses()).toEqual(["running", "running", "draft"]);
    await page.getByRole("button", { name: "Pause 2 campaigns" }).click();
    await page.getByRole("button", { name: "Undo" }).waitFor();
    expect(await statuses()).toEqual(["paused", "paused", "draft"]);
    await page.keyboard.press("z");
    await until(statuses, patience).toEqual(["running", "running", "draft"]);

    // The row that has the focus, once it shows that the campaign runs: `p` would resume a paused one.
    const row = page.getByRole("row", { name: /Bulk two/ });
    await row.getByText("Running", { exact: true }).waitFor();
    await row.focus();
    await page.keyboard.press("p");
    await page.getByText("The campaign “Bulk two” is paused.").waitFor();
    expect(await statuses()).toEqual(["running", "paused", "draft"]);

    await page.keyboard.press("Control+a");
    await bar.getByRole("button", { name: "Stop" }).click();
    await page.getByText("They have 2,400 open deliveries.").waitFor();
    await page.getByLabel("Type 2400 to confirm").fill("2400");
    await page
      .getByRole("button", { name: "Stop 3 campaigns and cancel 2,400 deliveries" })
      .click();
    await until(statuses, patience).toEqual(["cancelled", "cancelled", "cancelled"]);
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.getByLabel("Filter by a part of the name").fill("no such name");
    await page.getByText("No campaigns match these filters").waitFor();
  });
});

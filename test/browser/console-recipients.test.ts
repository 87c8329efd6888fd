import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { publicId } from "../../domain/ids.ts";
import { snoozeDeliveries } from "../../ledger/recipient-actions.ts";
import { executeOn } from "../../ledger/sql.ts";
import { inTransaction } from "../../ledger/transaction.ts";
import { type Api, seed } from "../api/harness.ts";
import { useConsole } from "../support/console-pages.ts";
import { patience } from "../support/patience.ts";
import { createPolicyWorld } from "../support/policy-world.ts";

const until = expect.poll;
const nights = [{ start: "22:00", end: "07:00" }];
let ada: string;
let berlin: string;
let newYork: string;

const world = useConsole(async (api) => {
  await seed(api, 3);
  ada = await createAda(api);
  const policy = createPolicyWorld(api.pool);
  const asId = (id: string) => publicId("recipient", id);
  berlin = asId(
    await policy.recipient({
      timeZone: "Europe/Berlin",
      preferences: { quietHours: nights, digest: { mode: "daily", time: "02:30" } },
    }),
  );
  newYork = asId(
    await policy.recipient({
      timeZone: "America/New_York",
      preferences: { quietHours: nights, digest: { mode: "daily", time: "01:30" } },
    }),
  );
  await api.send("POST", "/v1/segments", {
    key: "pro",
    name: "Pro customers",
    filter: { attribute: "plan", equals: "pro" },
  });
});

async function createAda(api: Api): Promise<string> {
  const { body } = await api.send("PUT", "/v1/recipients/ada@example.org", {
    email: "ada@example.org",
    phone: "+4915112345678",
    timeZone: "Europe/Berlin",
    locale: "de-DE",
    attributes: { plan: "pro", owner: { email: "boss@example.org", teams: ["a", "b"] } },
  });
  return body.id;
}

/** What identifies Ada, none of which may be in an address, a title or the storage of the browser. */
const personal = /ada|boss|15112345|example\.org/i;
async function expectNothingPersonal(page: Page): Promise<void> {
  expect(page.url()).not.toMatch(personal);
  expect(await page.title()).not.toMatch(personal);
  expect(await page.evaluate("JSON.stringify([localStorage, sessionStorage])")).not.toMatch(
    personal,
  );
}

const days = (page: Page) => page.locator("[data-hours]");

/** Has a recipient snooze a message of theirs now, for a time. */
async function snoozeFor(hours: number): Promise<string> {
  const policy = createPolicyWorld(world.api.pool);
  const recipientId = await policy.recipient({ timeZone: "Europe/Berlin" });
  const delivery = await policy.ask({ recipientId });
  const until = new Date(Date.now() + hours * 3_600_000).toISOString();
  await inTransaction(world.api.pool, (client) =>
    snoozeDeliveries(executeOn(client), "pressed", { delivery }, { until, mailboxShards: 4 }),
  );
  return publicId("recipient", recipientId);
}

describe("the band of a recipient", () => {
  it("has a snooze as an arc over its days, and the list names it", async () => {
    const page = await world.open(`recipients/${await snoozeFor(48)}`);
    const arcs = () =>
      days(page).evaluateAll((all) =>
        all.map(
          (day) =>
            [...day.querySelectorAll("path > title")].filter((title) =>
              title.textContent?.startsWith("Snoozed: "),
            ).length,
        ),
      );
    await until(async () => (await arcs()).slice(0, 2), patience).toEqual([1, 1]);
    expect((await arcs()).slice(4)).toEqual([0, 0, 0]);
    const listed = page.getByRole("listitem").filter({ hasText: "Snoozed" });
    expect(await listed.first().locator("time").count()).toBe(2);
    await page.getByRole("listitem").filter({ hasText: "Comes back" }).waitFor();
    expect(world.complaints).toEqual([]);
  });

  it.each([
    {
      zone: "Berlin",
      id: () => berlin,
      at: "2027-03-26T10:00:00Z",
      hours: 23,
      digest: "28 Mar 2027, 03:30",
    },
    {
      zone: "New York",
      id: () => newYork,
      at: "2027-11-05T15:00:00Z",
      hours: 25,
      digest: "07 Nov 2027, 01:30",
    },
  ])(
    "has the days, nights and digests of the API where the clocks of $zone change",
    async (place) => {
      const page = await world.open();
      await page.clock.setFixedTime(place.at);
      await page.goto(`${world.url}recipients/${place.id()}`);
      await days(page).first().waitFor();
      const end = new Date(Date.parse(place.at) + 6 * 86_400_000).toISOString();
      const path = `/v1/recipients/${place.id()}/timeline?from=${place.at}&until=${end}`;
      const { range } = (await world.api.send("GET", path)).body;
      const shown = await days(page).evaluateAll((all) =>
        all.map((day) => ({
          hours: Number(day.getAttribute("data-hours")),
          quiet: day.querySelectorAll("rect:has(title)").length,
          digests: day.querySelectorAll("path[data-kind=digest]").length,
          words: day.textContent ?? "",
        })),
      );
      expect(shown.map(({ hours }) => hours)).toEqual(
        range.days.slice(0, 7).map(({ hours }: { hours: number }) => hours),
      );
      const changed = shown.find(({ hours }) => hours !== 24)!;
      expect([changed.hours, changed.digests]).toEqual([place.hours, 1]);
      expect(changed.words).toContain(`${place.hours} hours: the clocks go`);
      expect(changed.words).toContain(place.digest);
      // A night over midnight is in the evening of one day and in the morning of the next.
      expect(shown.map(({ quiet }) => quiet)).toEqual([2, 2, 2, 2, 2, 2, 2]);
      const digests = range.digests.filter(({ at }: { at: string }) => at < range.days[6].until);
      const listed = page.getByRole("listitem").filter({ hasText: "The time of a digest" });
      expect(
        await listed
          .locator("time")
          .evaluateAll((all) => all.map((one) => one.getAttribute("datetime"))),
      ).toEqual(digests.map(({ at }: { at: string }) => at));
    },
  );

  it("draws what would happen to a message, with its path in words", async () => {
    const page = await world.open(`recipients/${berlin}`);
    await page.getByLabel(/^at/).fill("20");
    await page.getByRole("button", { name: "What happens?" }).click();
    await page
      .getByRole("status")
      .getByText(/^It would/)
      .waitFor();
    await until(() => page.locator("circle[data-kind=preview]").count(), patience).toBe(1);
    await page.getByRole("listitem").filter({ hasText: "What if" }).waitFor();
    await page.getByRole("button", { name: "Remove it from the picture" }).click();
    await until(() => page.locator("circle[data-kind=preview]").count(), patience).toBe(0);
    await page.getByRole("link", { name: "Also the last 14 days" }).click();
    await until(() => days(page).count(), patience).toBe(21);
    expect(new URL(page.url()).searchParams.get("past")).toBe("14");
  });
});

describe("a slider", () => {
  it.each(["light", "dark"] as const)("has a track of the %s theme", async (colorScheme) => {
    const page = await world.open(`recipients/${berlin}`, { colorScheme });
    const slider = page.getByLabel(/^at/);
    const image = `data:image/png;base64,${(await slider.screenshot()).toString("base64")}`;
    const sunken = await page.evaluate<string>(`(() => {
      const probe = document.body.appendChild(document.createElement("div"));
      probe.style.background = "var(--sunken)";
      return getComputedStyle(probe).backgroundColor;
    })()`);
    // Another page draws the picture, which the policy of the console would refuse. The thumb is at the left.
    const other = await page.context().newPage();
    const track = await other.evaluate<string>(`(async () => {
      const bitmap = await createImageBitmap(await (await fetch("${image}")).blob());
      const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
      context.drawImage(bitmap, 0, 0);
      const { data } = context.getImageData(bitmap.width * 0.9, bitmap.height / 2, 1, 1);
      return "rgb(" + [...data.subarray(0, 3)].join(", ") + ")";
    })()`);
    expect(track).toBe(sunken);
    expect(world.complaints).toEqual([]);
  });
});

describe("finding a recipient", () => {
  it("sends what is looked for to the API, and never puts it into the address", async () => {
    const page = await world.open("recipients", { as: "viewer" });
    await page.keyboard.press("f");
    const field = page.getByRole("textbox", { name: /Find by/ });
    await field.fill("ad");
    await field.press("Enter");
    await page.getByText("Type at least 3 characters").waitFor();
    await field.fill("ada@example.org");
    await field.press("Enter");
    const rows = page.locator("tbody tr");
    await until(() => rows.count(), patience).toBe(1);
    expect(await rows.innerText()).toContain("a•••@example.org");
    expect(await page.locator("main").innerText()).not.toMatch(/ada@|15112345/);
    await expectNothingPersonal(page);
    await page.getByRole("button", { name: "Clear" }).click();
    await until(() => rows.count(), patience).toBeGreaterThan(3);
    await page.getByLabel("Segment").selectOption("pro");
    await page.getByText("1 in the segment pro").waitFor();
    expect(new URL(page.url()).searchParams.get("segment")).toBe("pro");
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await until(() => page.url(), patience).toContain(`recipients/${ada}`);
    await expectNothingPersonal(page);
  });

  it("reveals addresses to those who may send, which the audit trail has, and edits them", async () => {
    const viewer = await world.open(`recipients/${ada}?tab=profile`, { as: "viewer" });
    await viewer.getByRole("button", { name: "Reveal" }).waitFor();
    expect(await viewer.getByRole("button", { name: "Reveal" }).getAttribute("aria-disabled")).toBe(
      "true",
    );
    const audited = async (action: string) =>
      (await world.api.send("GET", `/v1/audit?resource=${ada}&action=${action}`)).body.items
        .length as number;
    const before = await audited("recipient.reveal");
    expect(await audited("recipient.read")).toBeGreaterThan(0);

    const page = await world.open(`recipients/${ada}?tab=profile`);
    const main = page.locator("main");
    await page.getByRole("button", { name: "Reveal" }).waitFor();
    expect(await main.innerText()).not.toMatch(/ada@|boss@|15112345/);
    await page.getByRole("button", { name: "Reveal" }).click();
    await main.getByText("ada@example.org").first().waitFor();
    expect(await audited("recipient.reveal")).toBe(before + 1);
    await page.getByRole("button", { name: "Edit" }).click();
    await page.getByLabel("Email").fill("not an address");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText(/must be an email address/).waitFor();
    await page.getByLabel("Email").fill("ada.l@example.org");
    await page
      .getByRole("textbox", { name: "Attributes" })
      .fill('{"plan": "free", "owner": {"teams": ["a", "b"]}}');
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("The profile is saved.").waitFor();
    await until(() => page.getByRole("dialog").count(), patience).toBe(0);
    const { body } = await world.api.send("GET", `/v1/recipients/${ada}`);
    expect(body).toMatchObject({
      email: "ada.l@example.org",
      phone: "+4915112345678",
      attributes: { plan: "free", owner: { teams: ["a", "b"] } },
    });
    expect(body.attributes.owner).not.toHaveProperty("email");
    await until(() => main.innerText(), patience).not.toMatch(/ada\.l@/);
    await expectNothingPersonal(page);
  });
});

describe("the preferences of a recipient", () => {
  it("are changed one by one, undone, and given back to the policy; each change is a version", async () => {
    const page = await world.open(`recipients/${ada}?tab=preferences`);
    const row = page.getByRole("row", { name: /^At most, in an hour/ });
    const stated = async () =>
      (await world.api.send("GET", `/v1/recipients/${ada}/preferences`)).body.preferences;
    await row.getByText("policy").waitFor();
    await row.getByRole("button", { name: "Change: At most, in an hour" }).click();
    await page.getByRole("spinbutton").fill("5000");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page
      .getByRole("alert")
      .getByText(/from 1 to 1000/)
      .waitFor();
    await page.getByRole("spinbutton").fill("3");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await row.getByText("recipient v1").waitFor();
    expect(await stated()).toEqual({ maxPerHour: 3 });
    await page.keyboard.press("z");
    await row.getByText("policy").waitFor();
    expect(await stated()).toEqual({});

    await page.getByRole("button", { name: "Change: Quiet hours", exact: true }).click();
    await page.getByRole("button", { name: "Add a period" }).click();
    await page.getByLabel("From").fill("21:00");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    const quiet = page.getByRole("row", { name: /^Quiet hours 21:00–07:00/ });
    await quiet.getByText("recipient v3").waitFor();
    expect(await stated()).toEqual({ quietHours: [{ start: "21:00", end: "07:00" }] });
    await page.getByRole("link", { name: "Version 3, in force" }).click();
    await page.getByRole("insertion").filter({ hasText: "21:00" }).waitFor();
    await page.getByRole("button", { name: "Use the default: Quiet hours" }).click();
    await until(stated, patience).toEqual({});
    await expectNothingPersonal(page);
  });
});

describe("the topics of a recipient", () => {
  it("are subscribed to and left, with the consent that is recorded", async () => {
    for (const topic of [
      { key: "harvest", name: "Harvest", optIn: "single", isPublic: true },
      { key: "staff", name: "Staff", optIn: "single" },
    ])
      expect((await world.api.send("POST", "/v1/topics", topic)).status).toBe(201);
    const page = await world.open(`recipients/${newYork}?tab=topics`);
    const row = page.getByRole("row", { name: /Harvest/ });
    await row.getByText("Never subscribed").waitFor();
    // A topic that is not public is not offered.
    expect(await page.getByRole("row", { name: /Staff/ }).count()).toBe(0);
    await row.getByRole("button", { name: "Subscribe to Harvest" }).click();
    await page.getByRole("button", { name: "Subscribe the recipient" }).click();
    await row.getByText("Subscribed").waitFor();
    await row.getByRole("button", { name: "Unsubscribe from Harvest" }).click();
    await page.getByRole("button", { name: "Unsubscribe the recipient" }).click();
    await row.getByText("Unsubscribed").waitFor();
    await row.getByRole("button", { name: "Consent to Harvest" }).click();
    await page.getByRole("dialog").getByText("Subscribed at once").waitFor();
  });
});

describe("devices, links and erasure", () => {
  it("shows the addresses, makes a token once, and erases after the id was typed", async () => {
    const { api } = world;
    const { id } = (await api.send("PUT", "/v1/recipients/bob", { email: "bob@example.org" })).body;
    const page = await world.open(`recipients/${id}?tab=devices`);
    await page.getByText("b•••@example.org").last().waitFor();
    await page.getByText("No devices").waitFor();
    await page.getByRole("button", { name: "Preference link" }).click();
    await page.getByRole("button", { name: "Create a token" }).click();
    const token = await page.getByRole("dialog").locator("code").innerText();
    const mine = await api.send("GET", "/v1/me/preferences", undefined, {
      authorization: `Bearer ${token}`,
    });
    expect([mine.status, mine.body.recipient]).toEqual([200, id]);
    await page.getByRole("button", { name: "Done" }).click();
    await page.getByRole("link", { name: "Erase" }).click();
    const erase = page.getByRole("button", { name: "Erase the recipient" });
    expect(await erase.isDisabled()).toBe(true);
    await page.getByLabel(/Type rcp_/).fill(id);
    await erase.click();
    await page.getByText("The recipient is erased.").waitFor();
    expect((await api.send("GET", `/v1/recipients/${id}`)).status).toBe(410);
  });

  it("keep the tab that is open in sight on a phone", async () => {
    const page = await world.open(`recipients/${ada}?tab=erase`, {
      viewport: { width: 390, height: 844 },
    });
    const tab = page.getByRole("link", { name: "Erase", exact: true });
    await tab.waitFor();
    const { x, width } = (await tab.boundingBox())!;
    expect(x + width).toBeLessThanOrEqual(390);
  });
});

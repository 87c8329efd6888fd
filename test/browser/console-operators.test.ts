import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { makeKey } from "../api/harness.ts";
import { populate } from "../api/populated.ts";
import { useConsole } from "../support/console-pages.ts";
import { patience } from "../support/patience.ts";

const until = expect.poll;
const hostile = `<img src=x onerror="alert(1)">`;

const world = useConsole(async (api) => {
  await populate(api);
  const key = await makeKey(api, { role: "sender", name: hostile });
  await api.send(
    "POST",
    "/v1/segments",
    { key: "hostile", name: hostile, filter: { attribute: "plan", equals: hostile } },
    { authorization: `Bearer ${key.secret}` },
  );
});

const dialog = (page: Page, name: string) => page.getByRole("dialog", { name });
const secretOf = (page: Page) =>
  page
    .locator("code", { hasText: /^tdg_[\w-]{43}$/ })
    .first()
    .textContent();

describe("API keys", () => {
  it("are made after a proof of who asks, their secret is shown once, and they are revoked", async () => {
    const page = await world.open("settings");
    await world.forgetProof(page);
    await page.getByRole("button", { name: "Create a key" }).click();
    const create = dialog(page, "Create an API key");
    await create.getByRole("button", { name: "Create the key" }).click();
    // The API has the last word, also on an empty name.
    const proof = dialog(page, "Confirm that it is you");
    await proof.getByRole("button", { name: "Not now" }).click();
    await create.getByText("needs a proof of who you are").waitFor();
    await create.getByLabel("Name").fill("billing service");
    await create.getByLabel("Role").selectOption("sender");
    await create.getByText("Limit it further").click();
    await create.getByRole("checkbox", { name: "notifications:write" }).check();
    await create.getByRole("button", { name: "Create the key" }).click();
    await proof.getByLabel("API key of Ada Admin").fill("a-wrong-key-of-24-characters");
    await proof.getByRole("button", { name: "Confirm" }).click();
    await proof.getByText("This key is not valid").waitFor();
    await page.evaluate(`{
      const dot = document.querySelector("[data-liveness]");
      window.livenesses = [dot.dataset.liveness];
      const note = () => window.livenesses.push(dot.dataset.liveness);
      new MutationObserver(note).observe(dot, { attributes: true, attributeFilter: ["data-liveness"] });
    }`);
    const reopened = page.waitForRequest((request) => request.url().includes("/v1/stream"));
    await proof.getByLabel("API key of Ada Admin").fill(world.adminKey);
    await proof.getByRole("button", { name: "Confirm" }).click();
    await reopened;

    const shown = dialog(page, "The secret of billing service");
    await shown.waitFor();
    const secret = (await secretOf(page))!;
    await page.keyboard.press("Escape");
    await shown.getByText("Store the secret first").waitFor();
    await shown.getByLabel("I have stored the secret").check();
    await shown.getByRole("button", { name: "Done" }).click();
    await shown.waitFor({ state: "detached" });
    expect(await page.content()).not.toContain(secret);
    const as = { authorization: `Bearer ${secret}` };
    const use = async () => (await world.api.send("GET", "/v1/queues", undefined, as)).status;
    expect(await use()).toBe(403);
    const row = page.getByRole("row", { name: /billing service/ });
    await row.getByText("notifications:write").waitFor();
    await row.getByText("Ada Admin").waitFor();

    await row.getByRole("button", { name: "Revoke billing service" }).click();
    await page.getByRole("button", { name: "Revoke the key" }).click();
    await page.getByText("The key billing service is revoked.").waitFor();
    await until(use, patience).toBe(401);
    await row.waitFor({ state: "detached" });
    await page.getByLabel("Also keys that have expired or been revoked").check();
    await row.getByText("Revoked", { exact: true }).waitFor();
    // A proof replaces the session, and the stream goes on with the new one.
    expect(await page.evaluate("window.livenesses")).toEqual(["live"]);
  });

  it("and their secrets are in no address, no Referer, no history and no storage", async () => {
    const sent: string[] = [];
    const page = await world.visit("settings?tab=keys");
    page.on("request", (request) => sent.push(request.url(), request.headers()["referer"] ?? ""));
    await world.signIn(page, world.adminKey);
    await page
      .getByRole("row", { name: /Vera Viewer/ })
      .getByText("Rotate")
      .click();
    await page.getByLabel("The previous secret still works").selectOption("604800");
    await page.getByRole("button", { name: "Make a new secret" }).click();
    await dialog(page, "The secret of Vera Viewer").waitFor();
    const secret = (await secretOf(page))!;
    await page.getByLabel("I have stored the secret").check();
    await page.getByRole("button", { name: "Done" }).click();
    await page.getByRole("link", { name: "Queue" }).click();
    await page.getByRole("heading", { name: "Queue", exact: true }).waitFor();
    await page.goBack();
    await page.getByRole("row", { name: /Vera Viewer/ }).waitFor();
    const kept = await page.evaluate(
      `JSON.stringify([{...localStorage}, {...sessionStorage}, history.state, location.href, document.cookie, document.title])`,
    );
    for (const token of [secret, world.adminKey]) {
      expect(kept).not.toContain(token);
      expect(sent.join("\n")).not.toContain(token);
      expect(await page.content()).not.toContain(token);
    }
  });
});

describe("exports", () => {
  it.each([
    ["audit?action=segment", "/v1/audit?action=segment"],
    ["notifications?priority=high", "/v1/notifications?priority=high"],
    ["recipients?segment=hostile", "/v1/recipients?segment=hostile"],
  ])("of %s have what the filters match", async (place, list) => {
    const page = await world.open(place);
    await page.getByRole("button", { name: "Export" }).click();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: /^NDJSON/ }).click(),
    ]);
    let text = "";
    for await (const part of await download.createReadStream()) text += String(part);
    const ids = text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => (JSON.parse(line) as { id: string }).id);
    const { items } = (await world.api.send("GET", `${list}&limit=200`)).body;
    expect(ids).toEqual(items.map(({ id }: { id: string }) => id));
    expect(world.complaints).toEqual([]);
  });

  it("of recipients put nothing into an address that was looked for", async () => {
    const page = await world.open("recipients");
    await page.getByLabel("Find by external id").fill("u1@example.org");
    await page.keyboard.press("Enter");
    const button = page.getByRole("button", { name: "Export" });
    await until(() => button.getAttribute("aria-disabled"), patience).toBe("true");
    // It is marked as disabled, and says why to those who press it nevertheless.
    await button.click({ force: true });
    await page.getByText("Clear the search to export").waitFor();
    expect(await page.getByRole("link", { name: /^CSV/ }).count()).toBe(0);
    await page.getByRole("button", { name: "Clear" }).first().click();
    await until(() => button.getAttribute("aria-disabled"), patience).toBeNull();
    expect(world.complaints).toEqual([]);
  });
});

describe("a cursor of another list", () => {
  it("leads to the first page, wherever it is", async () => {
    const { body } = await world.api.send("GET", "/v1/deliveries?limit=1");
    const cursor = body.nextCursor as string;
    const page = await world.open(`deliveries?order=oldest&cursor=${cursor}`);
    for (const place of [
      `deliveries?order=oldest&cursor=${cursor}`,
      "audit?action=segment&cursor=x",
      "settings?tab=keys&cursor=x",
      "notifications?cursor=x",
    ]) {
      await page.goto(world.url + place);
      await page.getByRole("button", { name: "Show the first page" }).click();
      await page.locator("tbody tr").first().waitFor();
      const { searchParams } = new URL(page.url());
      const kept = new URLSearchParams(place.split("?")[1]);
      kept.delete("cursor");
      expect(Object.fromEntries(searchParams)).toEqual(Object.fromEntries(kept));
    }
    expect(world.complaints).toEqual([]);
  });
});

describe("the audit trail", () => {
  it("says who changed what from what to what, and is filtered in the address", async () => {
    await world.api.send(
      "PATCH",
      "/v1/segments/hostile",
      { name: "Renamed" },
      { "if-match": '"1"' },
    );
    const page = await world.open("audit?action=segment");
    const rows = page.locator("tbody tr[id]");
    await until(() => rows.count(), patience).toBeGreaterThan(1);
    await rows.first().getByText("Segment changed").waitFor();
    await rows.first().getByText("First API key").waitFor();
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    const changes = page.locator("main dl").first().locator("del, ins");
    await until(async () => (await changes.allTextContents()).slice(0, 2), patience).toEqual([
      hostile,
      "Renamed",
    ]);

    await page.getByRole("button", { name: "Undo this change" }).click();
    await page.getByText("The change is undone.").waitFor();
    expect((await world.api.send("GET", "/v1/segments/hostile")).body.name).toBe(hostile);
    await page.getByRole("button", { name: "Undo this change" }).click();
    await page.getByText("Nothing was undone").waitFor();

    await page.getByLabel("What was changed", { exact: true }).selectOption("campaign");
    await until(() => new URL(page.url()).search, patience).toBe("?action=campaign");
    await page.getByLabel("Filter by an author").fill("nobody-has-this-key");
    await page.keyboard.press("Enter");
    await page.getByText("No changes match these filters").waitFor();
  });
});

describe("saved views", () => {
  it("are saved from the bar, opened from the rail and the palette, and deleted with undo", async () => {
    const page = await world.open("deliveries?status=failed&tz=utc");
    await page.locator("tbody tr[id]").first().waitFor();
    await page.getByRole("button", { name: "Save this view" }).first().click();
    await page.getByLabel("Name").fill("ada@example.org");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("must not contain an address").waitFor();
    await page.getByLabel("Name").fill("All that failed");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("The view All that failed is saved.").waitFor();
    await page.getByRole("link", { name: "Queue" }).click();
    await page.locator("#rail").getByRole("link", { name: "All that failed" }).click();
    await until(() => new URL(page.url()).search, patience).toContain("status=failed");
    expect(new URL(page.url()).searchParams.get("tz")).toBe("utc");
    await page.keyboard.press("Control+k");
    await page.keyboard.type("saved views");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Delete the view All that failed" }).click();
    await page.getByText("The view All that failed is deleted.").waitFor();
    await page.keyboard.press("z");
    await page.getByRole("button", { name: "Delete the view All that failed" }).waitFor();
  });
});

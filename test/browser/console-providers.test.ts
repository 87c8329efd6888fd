import { describe, expect, it } from "vitest";
import { createGates } from "../../ledger/gates.ts";
import { configureProviders } from "../../ledger/providers.ts";
import { populate } from "../api/populated.ts";
import { useConsole } from "../support/console-pages.ts";
import { patience } from "../support/patience.ts";

const until = expect.poll;

const world = useConsole(async (api) => {
  await populate(api);
  const provider = { channel: "email" as const, kind: "smtp", connections: 10, limits: null };
  await configureProviders(api.pool, [
    {
      ...provider,
      name: "smtp-1",
      position: 1,
      domains: [
        { domain: "gmail.com", connections: 2, perSecond: 20 },
        { domain: "yahoo.com", connections: null, perSecond: 5 },
      ],
    },
    { ...provider, name: "smtp-2", position: 2 },
    { ...provider, name: "push/fcm", channel: "push", kind: "web-push", position: null },
  ]);
  await createGates(api.pool).shut({
    key: "domain/smtp-1/yahoo.com",
    forMs: 3_600_000,
    reason: "smtp_4xx: 451 4.7.1 Slow down",
  });
  await api.pool.query(
    "UPDATE breakers SET reason = '421 <b>later</b>', opened_at = now(), last_failed_at = now() WHERE provider = 'smtp-2'",
  );
});

const get = async (path: string) => (await world.api.send("GET", path)).body;

describe("the providers", () => {
  it("are in their order, and an open breaker is reset after a confirmation", async () => {
    const page = await world.open("providers");
    const email = page.getByRole("region", { name: "Email" });
    await email.getByText("421 <b>later</b>").waitFor();
    expect(await email.getByRole("listitem").allTextContents()).toEqual([
      expect.stringMatching(/^1smtp-1In use.*0 of 50,000 this day/),
      expect.stringMatching(/^2smtp-2Not used/),
    ]);
    await email.getByRole("button", { name: "Reset" }).click();
    await page.getByRole("button", { name: "Use it again" }).click();
    await page.getByText("smtp-2 is used again").waitFor();
    expect((await get("/v1/providers/smtp-2")).breaker.state).toBe("closed");
    await email.getByRole("listitem").nth(1).getByText("In use").waitFor();
  });

  it("have pages, which the keyboard opens, also where the name has a slash", async () => {
    const page = await world.open("providers");
    await page.getByRole("link", { name: "push/fcm" }).waitFor();
    for (const key of ["j", "j", "j", "Enter"]) await page.keyboard.press(key);
    await page.getByRole("heading", { name: "Providers / push/fcm" }).waitFor();
    await page.getByText("for the devices that have it").waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "Providers / push/fcm" }).waitFor();
    expect(new URL(page.url()).pathname).toBe("/console/providers/push%2Ffcm");
  });

  it("show the limits of receiving domains, and which of them are paused", async () => {
    const page = await world.open("providers/smtp-1");
    const domains = page.getByRole("region", { name: "Receiving domains" });
    await domains.getByText("20 per second, 2 at a time per worker").waitFor();
    await domains.getByText("5 per second. Paused until").waitFor();
    await domains.getByText("smtp_4xx: 451 4.7.1 Slow down").waitFor();
    const other = await world.open("providers/smtp-2");
    await other.getByRole("region", { name: "Limits in force" }).waitFor();
    expect(await other.getByText("Receiving domains").count()).toBe(0);
  });

  it("all email is stopped and opened again, and each can be undone", async () => {
    const gate = async () => (await get("/v1/gates")).items.find(byName("email"));
    const byName =
      (wanted: string) =>
      ({ name }: { name: string }) =>
        name === wanted;
    const page = await world.open("providers");
    await page.getByRole("button", { name: "Stop all email now" }).click();
    const dialog = page.getByRole("dialog");
    const { items } = await get("/v1/queues?by=channel");
    const { waiting } = items.find(({ channel }: { channel: string }) => channel === "email");
    await dialog.getByRole("link", { name: `${waiting} deliveries wait` }).waitFor();
    await dialog.getByRole("button", { name: "Stop all email now" }).click();
    await dialog.getByText("must not be empty").waitFor();
    await dialog.getByLabel("Until").selectOption("for 4 hours");
    await dialog.getByLabel("Reason").fill("wrong prices");
    await dialog.getByLabel("Reason").press("Enter");
    await page.getByText("Stopped all email.").waitFor();
    const email = page.getByRole("region", { name: "Email" });
    const note = email.getByRole("note");
    await until(() => note.textContent(), patience).toContain("wrong prices");
    const stopped = await gate();
    expect(stopped.shutReason).toBe("wrong prices");
    expect(Date.parse(stopped.shutUntil) - Date.now()).toBeGreaterThan(3.9 * 3_600_000);

    await page.keyboard.press("z");
    await until(gate, patience).toBeUndefined();
    await email.getByRole("button", { name: "Stop all email now" }).click();
    await dialog.getByLabel("Reason").fill("again");
    await dialog.getByRole("button", { name: "Stop all email now" }).click();
    // What a worker had in hand was put back until the gate opens.
    await note.waitFor();
    await world.api.pool.query(
      "UPDATE open_deliveries SET reason = 'provider_rate', due_at = now() + interval '1 hour' WHERE id = (SELECT id FROM open_deliveries WHERE queue LIKE 'mailbox/%' AND reason IS NULL LIMIT 1)",
    );
    const held = async () => (await get("/v1/queues?by=reason&reason=provider_rate")).items;
    expect(await held()).toMatchObject([{ waiting: 1, due: 0 }]);
    await note.getByRole("button", { name: "Open again" }).click();
    await page.getByRole("button", { name: "Open it now" }).click();
    await page.getByText("Open again. What waited is sent within seconds.").waitFor();
    expect(await gate()).toBeUndefined();
    expect(await held()).toMatchObject([{ waiting: 1, due: 1 }]);
    await page.getByRole("button", { name: "Undo" }).last().click();
    await until(gate, patience).toMatchObject({ shutReason: "again" });
    await world.api.send("DELETE", "/v1/gates/channel/email/stop");
  });

  it("show a viewer what an administrator could do, and let them do nothing", async () => {
    const page = await world.open("providers", { as: "viewer" });
    const button = page.getByRole("button", { name: "Stop all email now" });
    await button.waitFor();
    expect(await button.getAttribute("aria-disabled")).toBe("true");
    expect(await button.getAttribute("title")).toContain("Needs the role admin");
  });
});

describe("the health", () => {
  it("says the word first, and what to do about each part that is not good", async () => {
    await world.api.pool.query(
      "UPDATE breakers SET state = 'open', next_trial_at = now() + interval '1 hour' WHERE provider = 'smtp-2'",
    );
    await until(async () => (await get("/v1/health")).indicators.breakers.word, patience).not.toBe(
      "good",
    );
    const page = await world.open("health");
    const tile = page.getByRole("region", { name: "Providers left out" });
    const { word, indicators } = await get("/v1/health");
    await tile.getByText(indicators.breakers.advice).waitFor();
    expect(await page.locator("main [role=status]").first().textContent()).toMatch(
      new RegExp(`^${word}`, "i"),
    );
    await page.getByRole("region", { name: "Dependencies" }).getByText("accepts writes").waitFor();
    const names = await page.locator("main section h2").allTextContents();
    expect(names).toHaveLength(Object.keys(indicators).length + 4);
    await tile.getByRole("link", { name: "The providers" }).click();
    await page.getByRole("heading", { name: "Providers", exact: true }).waitFor();
  });
});

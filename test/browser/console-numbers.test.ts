import { describe, expect, it } from "vitest";
import { parsePublicId } from "../../domain/ids.ts";
import { configureProviders } from "../../ledger/providers.ts";
import { sampleTemplate, seed } from "../api/harness.ts";
import { useConsole } from "../support/console-pages.ts";
import { patience } from "../support/patience.ts";

/** More than the list counts. */
const sentCount = 12_000;
const failedCount = 30;
let campaign: string;

const world = useConsole(async (api) => {
  await seed(api, sentCount + failedCount);
  campaign = (
    await api.send("POST", "/v1/campaigns", {
      name: "A large one",
      template: { key: sampleTemplate.key },
      data: { order: "1" },
      audience: { all: true },
    })
  ).body.id;
  const id = parsePublicId("campaign", campaign);
  await api.prisma
    .$executeRaw`UPDATE campaigns SET status = 'completed', frozen_at = now() - interval '3 days', finished_at = now(), audience_count = ${sentCount + failedCount} WHERE id = ${id}::uuid`;
  // Half an hour ago for those that failed, two days ago for the others.
  await api.prisma.$executeRaw`
    INSERT INTO deliveries (id, campaign_id, recipient_id, channel, priority, queue, status, reason, created_at, finished_at)
    SELECT uuid_v7(at), ${id}::uuid, r.id, 'email', 'normal', ${`campaign/${campaign}/lane/0`},
      (CASE WHEN n <= ${failedCount} THEN 'failed' ELSE 'sent' END)::delivery_status, CASE WHEN n <= ${failedCount} THEN 'provider_rejected' END, at, at
    FROM (SELECT id, row_number() OVER () AS n FROM recipients) AS r,
      LATERAL (SELECT CASE WHEN n <= ${failedCount} THEN now() - interval '30 minutes' ELSE now() - interval '2 days' END AS at) AS t`;
  // The view has no provider: it is written to the ledger and to its numbers.
  for (const table of ["ended_deliveries", "delivery_count_changes"])
    await api.pool.query(`UPDATE ${table} SET provider = $1 WHERE status = 'failed'`, [
      provider.name,
    ]);
  await configureProviders(api.pool, [{ ...provider, position: 1, connections: 1, limits: null }]);
});

const provider = { name: "smtp-1", channel: "email", kind: "smtp" } as const;

const queryOf = (page: { url(): string }) => Object.fromEntries(new URL(page.url()).searchParams);

describe("the numbers", () => {
  it("lead from the failures of the last hour to their deliveries", async () => {
    const page = await world.open();
    await page.getByRole("region", { name: "Failures of the last hour" }).getByRole("link").click();
    await expect
      .poll(() => page.locator("tbody tr[aria-selected]").count(), patience)
      .toBe(failedCount);
    expect(queryOf(page)).toMatchObject({ status: "failed", reason: "provider_rejected" });
  });

  it("are shown to those who do not see the charts", async () => {
    const page = await world.open();
    const rates = page.getByRole("table", { name: /Delivery rate, by hour/ });
    await rates.getByRole("cell", { name: "0%" }).waitFor();
    await page.goto(`${world.url}deliveries`);
    await page
      .getByRole("table", { name: /Created in the last 7 days, by status/ })
      .getByRole("cell", { name: "12,000" })
      .waitFor();
  });

  it("of a campaign, a provider and everything are shown over time, and lead to the deliveries", async () => {
    const page = await world.open(`campaigns/${campaign}`);
    const bars = page.getByRole("table", { name: "Deliveries that ended, by status" });
    await bars.getByRole("columnheader", { name: "An hour from" }).waitFor();
    // The sent ones ended in one hour, the failed ones in another.
    expect(
      await bars.locator("tbody tr td").evaluateAll((cells) => cells.map((cell) => cell.innerText)),
    ).toEqual(["12,000", "0", "0", "30"]);
    const panel = page.getByRole("region", { name: "Over time" });
    await panel.getByText("At most 12,000 deliveries ended in one").waitFor();
    await panel.getByRole("link", { name: String(failedCount) }).click();
    await expect.poll(() => queryOf(page)["status"], patience).toBe("failed");
    expect(queryOf(page)["source"]).toBe(campaign);

    // A bar leads to the deliveries that were sent in it, also with the keyboard.
    await page.goto(`${world.url}campaigns/${campaign}`);
    await panel.getByRole("link", { name: /12,000 sent/ }).focus();
    await page.keyboard.press("Enter");
    await expect.poll(() => queryOf(page)["sentFrom"], patience).toBeDefined();
    const { sentFrom, sentBefore } = queryOf(page);
    expect(Date.parse(sentBefore!) - Date.parse(sentFrom!)).toBe(3_600_000);
    await page.getByText("50 shown").waitFor();
    await page.getByRole("button", { name: /^sent from/ }).click();
    await expect.poll(() => queryOf(page)["sentFrom"], patience).toBeUndefined();

    await page.getByRole("button", { name: "Sent", exact: true }).click();
    const sent = page.getByRole("group", { name: "Sent", exact: true });
    await sent.getByRole("button", { name: "Last 24 hours" }).click();
    await expect.poll(() => queryOf(page)["sentBefore"], patience).toBeUndefined();
    await page.getByText("No deliveries match").waitFor();
    await page.getByRole("button", { name: "Sent", exact: true }).click();
    await sent.getByLabel(/^From/).fill("2027-03-01T10:00");
    await sent.getByLabel(/^Before/).fill("2027-03-01T11:30");
    await sent.getByRole("button", { name: "Show this time" }).click();
    await expect
      .poll(() => queryOf(page)["sentFrom"], patience)
      .toBe(new Date("2027-03-01T10:00").toISOString());
    expect(queryOf(page)["sentBefore"]).toBe(new Date("2027-03-01T11:30").toISOString());

    await page.goto(`${world.url}providers/${provider.name}`);
    await page
      .getByRole("table", { name: /ended in the last 6 hours, by status/ })
      .getByRole("cell", { name: String(failedCount) })
      .waitFor();
    await page.goto(`${world.url}health`);
    await page
      .getByRole("table", { name: /ended in the last hour, by status/ })
      .getByRole("cell", { name: String(failedCount) })
      .waitFor();
    expect(world.complaints).toEqual([]);
  });

  it("select a time with the keyboard and with the pointer, and count exactly on demand", async () => {
    const page = await world.open("deliveries?span=day");
    const begin = page.getByRole("slider", { name: "Beginning" });
    await begin.focus();
    await page.keyboard.press("ArrowRight");
    await expect.poll(() => queryOf(page)["from"], patience).toBeDefined();
    await page.getByRole("button", { name: "Count exactly" }).click();
    await page.getByText(`The list has ${failedCount} deliveries`).waitFor();
    await page.getByRole("button", { name: "Clear" }).click();
    await expect.poll(() => queryOf(page)["from"], patience).toBeUndefined();
    await page.getByRole("button", { name: "Count exactly" }).click();
    await page.getByText("The list has 10,000+").waitFor();
    // The failed ones are in the last bucket but one at most, so everything before the middle has none of them.
    const box = (await page
      .getByRole("region", { name: "Time line" })
      .locator("svg")
      .boundingBox())!;
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    await expect.poll(() => queryOf(page)["before"], patience).toBeDefined();
  });

  it("of a long list reach its end at once, and never make the page large", async () => {
    const page = await world.open("deliveries");
    await page.locator("tbody tr[aria-selected]").first().waitFor();
    await page.keyboard.press("End");
    await expect.poll(() => queryOf(page)["order"], patience).toBe("oldest");
    for (let turn = 0; turn < 12; turn++) {
      const before = page.url();
      await page.getByRole("button", { name: "Newer" }).click();
      await expect.poll(() => page.url(), patience).not.toBe(before);
    }
    await page.getByRole("button", { name: "Columns" }).click();
    await page.getByRole("checkbox", { name: "Priority" }).uncheck();
    await expect
      .poll(() => queryOf(page)["columns"], patience)
      .toBe("recipient,source,channel,reason,at,attempts");
    expect(await page.getByRole("columnheader", { name: "Priority" }).count()).toBe(0);
    expect(await page.evaluate("document.querySelectorAll('*').length")).toBeLessThan(2_500);
  });

  it("are exported as the filters say", async () => {
    const page = await world.open("deliveries?status=failed");
    await world.forgetProof(page);
    await page.getByRole("button", { name: "Export" }).click();
    await page.getByRole("link", { name: /^CSV/ }).click();
    const proof = page.getByRole("dialog", { name: "Confirm that it is you" });
    await proof.getByLabel(/^API key of/).fill(world.adminKey);
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      proof.getByRole("button", { name: "Confirm" }).click(),
    ]);
    const stream = await download.createReadStream();
    let text = "";
    for await (const part of stream) text += String(part);
    expect(text.trimEnd().split("\r\n")).toHaveLength(failedCount + 1);
  });
});

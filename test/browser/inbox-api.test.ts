import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Api, seed, startApi } from "../api/harness.ts";
import { launchBrowser } from "../support/browser.ts";
import { startHostPage } from "../support/host-page.ts";
import { addItems } from "../support/inbox.ts";
import { itemTitles } from "../support/inbox-pages.ts";
import { listen } from "../support/listening.ts";
import { patience, waitMs } from "../support/patience.ts";

// The faults that the API does not have on demand are in inbox.test.ts.
describe("<tidings-inbox> with the API", () => {
  const corsOrigins: string[] = [];
  let api: Api;
  let server: Awaited<ReturnType<typeof listen>>;
  let host: Awaited<ReturnType<typeof startHostPage>>;
  let browser: Awaited<ReturnType<typeof launchBrowser>>;
  beforeAll(async () => {
    api = await startApi({ config: { corsOrigins } });
    await seed(api, 1);
    server = await listen(api.app.fetch);
    host = await startHostPage(server.url, async () => {
      const purposes = ["inbox"];
      return (await api.send("POST", "/v1/recipients/u0/tokens", { purposes })).body.token;
    });
    corsOrigins.push(host.url);
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await host?.close();
    await server?.close();
    await api?.stop();
  });

  it("shows items, live ones too, and changes them, as the API then has them", async () => {
    const { id } = await api.prisma.recipient.findUniqueOrThrow({ where: { externalId: "u0" } });
    await addItems(api.pool, id, 25);
    const page = await browser.newPage();
    page.setDefaultTimeout(waitMs);
    const complaints: string[] = [];
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.goto(host.url);
    await page.locator(".badge", { hasText: "25" }).waitFor();
    await page.locator(".bell").click();
    await page.locator(".more").click();
    await expect.poll(() => itemTitles(page), patience).toHaveLength(25);
    const open = () => api.prisma.$queryRaw<{ unseen: number; unread: number; archived: number }[]>`
      SELECT count(*) FILTER (WHERE seen_at IS NULL)::int AS unseen, count(*) FILTER (WHERE read_at IS NULL)::int AS unread,
             count(*) FILTER (WHERE archived_at IS NOT NULL)::int AS archived FROM inbox_items`;
    await expect.poll(open, patience).toEqual([{ unseen: 0, unread: 25, archived: 0 }]);

    await expect.poll(() => api.hub.isListening, patience).toBe(true);
    await addItems(api.pool, id, 1, { title: "Live" });
    await expect.poll(async () => (await itemTitles(page))[0], patience).toBe("Live");
    await page.locator(".badge", { hasText: "26" }).waitFor();
    await page.getByRole("button", { name: "Mark as read: Live" }).click();
    await page.locator(".badge", { hasText: "25" }).waitFor();
    await page.getByRole("button", { name: "Archive: Live" }).click();
    await expect.poll(open, patience).toEqual([{ unseen: 0, unread: 25, archived: 1 }]);
    await page.getByRole("button", { name: "Mark all as read" }).click();
    await page.locator(".badge").waitFor({ state: "hidden" });
    await expect.poll(open, patience).toEqual([{ unseen: 0, unread: 0, archived: 1 }]);
    await page.getByRole("tab", { name: "Archived" }).click();
    await expect.poll(() => itemTitles(page), patience).toEqual(["Live"]);
    expect(complaints).toEqual([]);
  });
});

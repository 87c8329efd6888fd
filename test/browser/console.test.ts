import { describe, expect, it } from "vitest";
import { populate } from "../api/populated.ts";
import { useConsole } from "../support/console-pages.ts";
import { patience } from "../support/patience.ts";

const until = expect.poll;
const hostile = `<img src=x onerror="alert(1)">`;
let running: string;

const world = useConsole(async (api) => {
  await populate(api);
  const { body } = await api.send("GET", "/v1/campaigns?status=running");
  running = body.items[0].id;
  // The overview names campaigns that Tidings has paused, with the reason.
  await api.prisma
    .$executeRaw`UPDATE campaigns SET name = ${hostile}, pause_detail = ${hostile} WHERE status = 'paused'`;
});

describe("the overview", () => {
  it("shows the figures of the API, each a link to what it counts", async () => {
    const page = await world.open();
    const [templates, queues, health] = await Promise.all(
      ["/v1/templates?archived=false", "/v1/queues", "/v1/health"].map(
        async (path) => (await world.api.send("GET", path)).body,
      ),
    );
    const { waiting, sending } = queues.total;
    const card = (name: string) => page.getByRole("link", { name });
    await until(() => card("Active templates").textContent(), patience).toContain(
      String(templates.items.length),
    );
    await until(() => card("Running campaigns").textContent(), patience).toContain("2");
    await until(() => card("Queue size").textContent(), patience).toContain(
      String(waiting + sending),
    );
    await until(() => card("Delivery rate").textContent(), patience).toContain(
      `${Math.round(health.indicators.deliveryRate.value * 1_000) / 10}%`,
    );
    for (const reason of health.reasons.slice(0, 1)) await page.getByText(reason).waitFor();
    await page
      .getByRole("img", { name: /A running one: 8 = 1 delivered/ })
      .first()
      .waitFor();
    await page.getByText("The provider smtp-2 is not used").waitFor();
    await card("Running campaigns").click();
    await page.getByRole("heading", { name: "Campaigns" }).waitFor();
    await until(() => page.locator("tbody tr[id]").count(), patience).toBe(2);
  });

  it("shows names as text, whatever they contain", async () => {
    const page = await world.open();
    await page.getByText(hostile).first().waitFor();
    expect(await page.locator("main img").count()).toBe(0);
  });

  it("says that the API fails, with the id of the request, and recovers", async () => {
    const page = await world.open("campaigns");
    await page.locator("tbody tr[id]").first().waitFor();
    await page.route("**/v1/queues*", (route) =>
      route.fulfill({
        status: 503,
        contentType: "application/problem+json",
        body: JSON.stringify({
          type: "urn:tidings:problem:unavailable",
          title: "Unavailable",
          detail: "The database cannot be reached.",
          requestId: "a-request",
        }),
      }),
    );
    await page.getByRole("link", { name: "Queue" }).click();
    await page.getByText("Could not read the queue").waitFor();
    await page.getByText("The database cannot be reached.").waitFor();
    await page.getByRole("button", { name: "Copy the request id" }).waitFor();
    await page.unroute("**/v1/queues*");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("rowheader", { name: "Digest" }).waitFor();
  });
});

describe("a campaign", () => {
  it("adds up, links each count to its deliveries, and is paused and resumed", async () => {
    const page = await world.open(`campaigns/${running}`);
    await page.getByText("The statuses add up to the audience of 8.").waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText("The campaign “A running one” is paused.").waitFor();
    const { body } = await world.api.send("GET", `/v1/campaigns/${running}`);
    expect(body.status).toBe("paused");
    await page.getByRole("button", { name: "Resume" }).click();
    await page.getByRole("button", { name: "Pause" }).waitFor();
    await page.getByRole("row", { name: "Failed" }).getByRole("link").click();
    await until(() => page.locator("tbody tr[id]").count(), patience).toBe(1);
    expect(new URL(page.url()).search).toBe(`?source=${running}&status=failed`);
  });

  it("is duplicated as a draft", async () => {
    const page = await world.open(`campaigns/${running}`);
    await page.getByRole("button", { name: "Duplicate" }).click();
    await page.getByRole("heading", { name: "Copy of A running one" }).waitFor();
    const { body } = await world.api.send("GET", `/v1/campaigns/${page.url().split("/").at(-1)}`);
    expect(body).toMatchObject({ status: "draft", name: "Copy of A running one" });
  });
});

describe("the palette", () => {
  it("finds pages, ids and campaigns with the keyboard alone, and gives the focus back", async () => {
    const page = await world.open();
    await page.keyboard.press("Control+k");
    await page.keyboard.type("que");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Queue", exact: true }).waitFor();
    await page.keyboard.press("/");
    await page.getByRole("combobox", { name: "Search or go to" }).fill(running);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "A running one" }).waitFor();
    await page.keyboard.press("/");
    await page.getByRole("combobox", { name: "Search or go to" }).fill("A scheduled");
    await page
      .getByRole("option", { name: /A scheduled one/ })
      .first()
      .click();
    await page.getByRole("heading", { name: "A scheduled one" }).waitFor();
    await page.getByRole("button", { name: "Search or go to" }).click();
    await page.keyboard.press("Escape");
    await until(() => page.evaluate("document.activeElement?.textContent"), patience).toContain(
      "Search or go to",
    );
  });

  it("does nothing with single keys in fields, nor once they are switched off", async () => {
    const page = await world.open("deliveries");
    const field = page.getByLabel("Filter by a type");
    await field.pressSequentially("?gq/");
    await field.press("Control+a");
    await field.pressSequentially("new");
    expect(await field.inputValue()).toBe("new");
    expect(await page.getByRole("dialog").count()).toBe(0);
    await page.goto(`${world.url}settings?tab=appearance`);
    await page.getByRole("switch", { name: "Single-key shortcuts" }).uncheck();
    await page.getByRole("link", { name: "Deliveries" }).click();
    await page.locator("tbody tr[id]").first().focus();
    await page.keyboard.press("?");
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: "Search or go to" }).waitFor();
    expect(await page.getByRole("dialog").count()).toBe(1);
  });
});

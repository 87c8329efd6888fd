import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Api, apiKey, startApi } from "../api/harness.ts";
import { launchBrowser } from "../support/browser.ts";
import { listen } from "../support/listening.ts";
import { waitMs } from "../support/patience.ts";

describe("/docs in a browser", () => {
  let api: Api;
  let browser: Browser;
  let server: Awaited<ReturnType<typeof listen>>;
  beforeAll(async () => {
    api = await startApi();
    server = await listen(api.app.fetch);
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await api?.stop();
  });

  it("lists the operations and tries them out with a key, and sends no request to other hosts", async () => {
    const page = await browser.newPage();
    page.setDefaultTimeout(waitMs);
    const asked: string[] = [];
    const complaints: string[] = [];
    page.on("request", (request) => asked.push(request.url()));
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));

    await page.goto(`${server.url}/docs`);
    const document = (await api.send("GET", "/openapi.json")).body as {
      paths: Record<string, Record<string, { operationId: string }>>;
    };
    const operationIds = Object.values(document.paths)
      .flatMap((item) => Object.values(item))
      .map((operation) => operation.operationId);
    // Swagger UI keeps only the operations near the window in the page, so the list is collected screen by screen.
    const shown = new Set<string>();
    await page.locator(".opblock").first().waitFor();
    await expect
      .poll(
        async () => {
          const ids = await page
            .locator(".opblock")
            .evaluateAll((blocks) => blocks.map((block) => block.id));
          await page.mouse.wheel(0, 300);
          for (const id of ids) shown.add(id.split("-").at(-1) ?? "");
          return shown.size;
        },
        { timeout: waitMs, interval: 100 },
      )
      .toBe(operationIds.length);
    expect([...shown].sort()).toEqual(operationIds.sort());

    await page.locator(".btn.authorize").click();
    // The other schemes are a recipient's token and the session of a browser.
    const byKey = page.locator(".auth-container", { hasText: "apiKey (http" });
    await byKey.locator("input").fill(apiKey);
    await byKey.locator(".auth-btn-wrapper .authorize").click();
    await byKey.locator(".auth-btn-wrapper .btn-done").click();
    await page.locator(".operation-filter-input").fill("audit");
    const operation = page.locator("#operations-audit-getAudit");
    await operation.locator(".opblock-summary-control").click();
    await operation.locator(".try-out__btn").click();
    await operation.locator(".execute").click();
    const answer = operation.locator(".live-responses-table .response");
    await answer.waitFor();
    expect(await answer.locator(".response-col_status").textContent()).toContain("200");
    expect(await answer.textContent()).toContain("nextCursor");

    const hosts = new Set(
      asked.filter((url) => !url.startsWith("data:")).map((url) => new URL(url).origin),
    );
    expect([...hosts]).toEqual([server.url]);
    expect(complaints).toEqual([]);
  });
});

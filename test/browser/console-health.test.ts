import { afterEach, describe, expect, it } from "vitest";
import { useConsole } from "../support/console-pages.ts";
import { addProcess } from "../support/processes.ts";

const world = useConsole(async () => {});
afterEach(() => world.api.pool.query("TRUNCATE processes"));

const open = async (options: Parameters<typeof world.open>[1] = {}) => {
  const page = await world.open("health", options);
  return page.getByRole("region", { name: "Processes" });
};

describe("the processes", () => {
  it("are listed with their figures", async () => {
    await addProcess(world.api.pool, { kind: "api", host: "api-1", pid: 31 });
    await addProcess(world.api.pool, { host: "worker-1", pid: 32, eventLoopDelayMs: 41 });
    const panel = await open({ as: "viewer" });
    const row = panel.getByRole("row", { name: /worker-1/ });
    await row.waitFor();
    expect(await row.innerText()).toMatch(/Worker\s+worker-1 · 32\s+Alive\s+0\.3\.0/);
    expect(await row.innerText()).toMatch(/now\s+175 MB 21%\s+41 ms\s+right/);
    await panel.getByRole("row", { name: /api-1/ }).waitFor();
    await panel.getByText("2 alive").waitFor();
    expect(await panel.getByRole("note").count()).toBe(0);
    expect(world.complaints).toEqual([]);
  });

  it("say in words what is wrong with them, and with all together", async () => {
    await addProcess(world.api.pool, { kind: "api", host: "api-1", version: "0.4.0" });
    const vanished = { host: "worker-1", pid: 32, unseen: "5 minutes" };
    await addProcess(world.api.pool, vanished);
    const panel = await open();
    await panel.getByText("last seen 5 minutes ago and has not stopped properly").waitFor();
    await panel.getByText("No worker is alive, so that nothing is sent.").waitFor();
    await panel.getByRole("row", { name: /worker-1.*Gone/ }).waitFor();

    await addProcess(world.api.pool, { host: "worker-2", clockAheadMs: 60_000, isReady: false });
    await panel.getByText("Its clock is 60 s ahead of the database’s.").waitFor();
    await panel.getByRole("row", { name: /worker-2.*Not ready.*1 min ahead/ }).waitFor();
    const note = panel.getByRole("note");
    await note.getByText("0.3.0 (1 worker), 0.4.0 (1 API process)").waitFor();
    expect(await note.count()).toBe(1);
    expect(world.complaints).toEqual([]);
  });

  it("may not have reported themselves yet, and may be unreadable", async () => {
    const panel = await open();
    await panel.getByText("No process has reported itself yet").waitFor();
    const page = await world.open();
    await page.route("**/v1/processes", (route) => route.abort());
    await page.goto(`${world.url}health`);
    await page.getByRole("region", { name: "Processes" }).getByRole("alert").waitFor();
    expect(world.complaints).toEqual([]);
  });

  it("are cards on a phone", async () => {
    await addProcess(world.api.pool, { host: "worker-1", memoryShare: 0.9 });
    const panel = await open({ viewport: { width: 390, height: 844 } });
    await panel.getByText("It uses 90% of its memory limit.").waitFor();
    expect(await panel.getByRole("columnheader").count()).toBe(0);
    const { width } = (await panel.boundingBox())!;
    expect(await panel.evaluate((element) => element.scrollWidth)).toBeLessThanOrEqual(width);
  });
});

it("the size of the database is shown", async () => {
  const page = await world.open("health");
  const { body } = await world.api.send("GET", "/v1/health");
  expect(body.database.bytes).toBeGreaterThan(1_000_000);
  const needs = page.getByRole("region", { name: "Dependencies" });
  await needs.getByText(/accepts writes, and has \d+ MB on its disk/).waitFor();
});

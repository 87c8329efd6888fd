import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { freePort } from "../../cli/stack/ports.ts";
import { sendSignal } from "../../cli/stack/supervised.ts";
import { waitUntil } from "../../cli/stack/wait.ts";
import {
  launch,
  findRunningPids,
  readRecordedProcesses,
  type LauncherProcess,
} from "../support/launcher.ts";
import { waitMs } from "../support/patience.ts";

describe("npm start", () => {
  let dataDir: string;
  let launchers: LauncherProcess[];

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), "tidings-start-"));
    launchers = [];
  });

  afterEach(async () => {
    for (const { process } of launchers) process.kill("SIGKILL");
    if (existsSync(join(dataDir, "processes.json")))
      await waitUntil(
        "everything to end",
        waitMs,
        () => findRunningPids(readRecordedProcesses(dataDir)).length === 0,
      );
    rmSync(dataDir, { recursive: true, force: true });
  });

  const start = (...args: string[]) => {
    const launcher = launch(dataDir, args);
    launchers.push(launcher);
    return launcher;
  };
  const apiOf = ({ output }: LauncherProcess) => /API +(http:\S+)/.exec(output())![1]!;
  const call = (launcher: LauncherProcess, path: string, init: RequestInit = {}) =>
    fetch(`${apiOf(launcher)}${path}`, {
      ...init,
      headers: {
        authorization: `Bearer ${readFileSync(join(dataDir, "api-key"), "utf8").trim()}`,
        "content-type": "application/json",
      },
    });

  /** Signs in twice with the code in the link that the launcher printed, and returns the statuses. */
  async function signInByLink(launcher: LauncherProcess): Promise<number[]> {
    const [, code] = /Console +\S+\/console\/#code=(\S+) {2}\(signs in once/.exec(
      launcher.output(),
    )!;
    const headers = {
      "content-type": "application/json",
      "sec-fetch-site": "same-origin",
      "x-tidings-console": "1",
    };
    const send = async () => {
      const init = { method: "POST", headers, body: JSON.stringify({ code }) };
      return (await fetch(`${apiOf(launcher)}/v1/session`, init)).status;
    };
    return [await send(), await send()];
  }

  it("stops on the first signal with nothing left behind, and finds its data again", async () => {
    const first = start();
    await first.running;
    expect(first.output()).toMatch(/API key +tdg_\S{20,} {2}\(shown once/);
    expect(await signInByLink(first)).toEqual([201, 401]);
    for (const name of ["api-key", "sealing-keys"])
      expect(statSync(join(dataDir, name)).mode & 0o777).toBe(0o600);
    expect(await (await call(first, "/readyz")).json()).toMatchObject({ sealing: "up" });
    const sealingKeys = readFileSync(join(dataDir, "sealing-keys"), "utf8");
    const made = await call(first, "/v1/recipients/ada", {
      method: "PUT",
      body: '{"email":"ada@example.org"}',
    });
    expect(made.ok).toBe(true);
    const processes = readRecordedProcesses(dataDir);
    expect(findRunningPids(processes).length).toBeGreaterThanOrEqual(7);
    first.process.kill("SIGTERM");
    expect(await first.ended).toBe(0);
    expect(findRunningPids(processes)).toEqual([]);

    const second = start();
    await second.running;
    expect(second.output()).not.toContain("API key");
    expect(readFileSync(join(dataDir, "sealing-keys"), "utf8")).toBe(sealingKeys);
    expect(await (await call(second, "/readyz")).json()).toMatchObject({ sealing: "up" });
    expect(await (await call(second, "/v1/recipients/ada")).json()).toMatchObject({
      email: "ada@example.org",
    });
    second.process.kill("SIGINT");
    expect(await second.ended).toBe(0);
  });

  it("leaves nothing behind when it is killed, and starts again on what it left", async () => {
    const first = start("--workers", "2");
    await first.running;
    const processes = readRecordedProcesses(dataDir);
    first.process.kill("SIGKILL");
    expect(await first.ended).toBe("SIGKILL");
    // At once, while the first one's servers still stop.
    const second = start();
    await second.running;
    expect(findRunningPids(processes)).toEqual([]);
    second.process.kill("SIGTERM");
    expect(await second.ended).toBe(0);
  });

  it("leaves nothing behind when it and its guards are killed", async () => {
    const first = start();
    await first.running;
    const guards = readRecordedProcesses(dataDir).filter(({ pid }) =>
      readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("guard.js"),
    );
    expect(guards).toHaveLength(2);
    first.process.kill("SIGKILL");
    for (const { pid } of guards) process.kill(pid, "SIGKILL");
    const second = start();
    await second.running;
    second.process.kill("SIGTERM");
    expect(await second.ended).toBe(0);
  });

  it("starts again what dies by itself", async () => {
    const launcher = start();
    await launcher.running;
    const before = readRecordedProcesses(dataDir);
    // A guard ends by itself when its server dies, perhaps before its turn.
    for (const { pid } of before) sendSignal(pid, "SIGKILL");
    for (const name of ["postgres", "temporal", "mailbox", "api", "worker-0"])
      await expect.poll(launcher.output).toContain(`${name} is back`);
    await expect.poll(async () => (await call(launcher, "/readyz")).status).toBe(200);
    expect(findRunningPids(before)).toEqual([]);
    launcher.process.kill("SIGTERM");
    expect(await launcher.ended).toBe(0);
  });

  it("says of a folder that nothing can be kept in it", async () => {
    rmSync(dataDir, { recursive: true });
    writeFileSync(dataDir, "a file");
    const launcher = start();
    expect(await launcher.ended).toBe(1);
    expect(launcher.output()).toContain(`${dataDir} cannot be written to: `);
    expect(launcher.output()).not.toContain("    at ");
  });

  it("refuses a folder that another one works in; that one ends at once on a second signal", async () => {
    const first = start();
    await expect.poll(() => existsSync(join(dataDir, "launcher.json"))).toBe(true);
    const second = start();
    expect(await second.ended).toBe(1);
    expect(second.output()).toContain(
      `${dataDir} is in use by another launcher, process ${first.process.pid}`,
    );

    await first.running;
    const processes = readRecordedProcesses(dataDir);
    first.process.kill("SIGINT");
    await expect.poll(first.output).toContain("Stopping");
    first.process.kill("SIGINT");
    expect(await first.ended).toBe(130);
    await expect.poll(() => findRunningPids(processes)).toEqual([]);
  });

  it("refuses a busy configured port, and skips a busy default port", async () => {
    const busy = createServer().listen(0, "127.0.0.1");
    await once(busy, "listening");
    const { port } = busy.address() as AddressInfo;
    const refused = start("--api-port", String(port));
    expect(await refused.ended).toBe(1);
    expect(refused.output()).toContain(`port ${port}, asked for api, is in use`);

    const asked = await freePort();
    const launcher = start("--api-port", String(asked));
    await launcher.running;
    expect(apiOf(launcher)).toBe(`http://127.0.0.1:${asked}`);
    expect((await call(launcher, "/healthz")).status).toBe(200);
    busy.close();
  });
});

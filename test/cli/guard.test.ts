import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startGuarded } from "../../cli/stack/guarded.ts";
import { isAlive, markOf } from "../../cli/stack/processes.ts";

describe("a guarded server", () => {
  let folder: string;
  let log: number;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "tidings-guard-"));
    log = openSync(join(folder, "log"), "a");
  });
  afterEach(() => {
    closeSync(log);
    rmSync(folder, { recursive: true });
  });

  const start = (script: string, graceMs = 5_000) =>
    startGuarded(
      {
        program: process.execPath,
        args: ["-e", script],
        user: null,
        stopSignal: "SIGTERM",
        graceMs,
      },
      log,
    );
  const forever = "setInterval(() => {}, 1000)";

  it("is gone with its guard when it is stopped", async () => {
    const server = await start(forever);
    const marks = [markOf(server.pid)!, markOf(server.guardPid)!];
    expect(marks.map(isAlive)).toEqual([true, true]);
    await server.stop();
    expect(marks.map(isAlive)).toEqual([false, false]);
  });

  it("is killed when it does not stop within its grace", async () => {
    const server = await start(`process.on("SIGTERM", () => {}); ${forever}`, 300);
    const mark = markOf(server.pid)!;
    await server.stop();
    expect(isAlive(mark)).toBe(false);
  });

  it("is ended, though its guard was killed", async () => {
    const server = await start(forever);
    const mark = markOf(server.pid)!;
    process.kill(server.guardPid, "SIGKILL");
    await server.exited;
    expect(isAlive(mark)).toBe(false);
  });

  it("that cannot be started says why", async () => {
    const order = {
      program: join(folder, "nothing"),
      args: [],
      user: null,
      stopSignal: "SIGTERM",
      graceMs: 1,
    } as const;
    await expect(startGuarded({ ...order, args: [] }, log)).rejects.toThrow("ENOENT");
  });
});

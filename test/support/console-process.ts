import { afterAll, beforeAll } from "vitest";
import { apiKey } from "../api/harness.ts";
import { type ApiProcess, startApiProcess } from "./api-process.ts";
import { useConsoleBrowser } from "./console-browser.ts";
import { createTestDatabase, type TestDatabase } from "./postgres.ts";

/** A browser, and the API as a process that serves the built console, and that can die and come back at the same address. */
export function useConsoleProcess(prepare: (send: Send) => Promise<void>) {
  let database: TestDatabase;
  let running: ApiProcess | undefined;
  let port = "0";
  const world = Object.assign(useConsoleBrowser(), { kill, start, send });

  /** Kills the process, as the kernel does where memory runs out. */
  async function kill(): Promise<void> {
    const { child, exited } = running!;
    running = undefined;
    child.kill("SIGKILL");
    await exited;
  }

  async function start(): Promise<void> {
    running = startApiProcess(database.url, { API_PORT: port });
    const address = await running.ready;
    port = new URL(address).port;
    world.url = `${address}/console/`;
  }

  /** Sends a request with the key of the installation. */
  async function send(method: string, path: string, body?: unknown) {
    const response = await fetch(new URL(path, world.url), {
      method,
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    // Tests look into answers as a caller would: without our types.
    // oxlint-disable-next-line typescript/no-explicit-any
    return { status: response.status, body: (await response.json()) as any };
  }

  beforeAll(async () => {
    database = await createTestDatabase();
    await start();
    await prepare(send);
  });
  afterAll(async () => {
    if (running) await kill();
    await database?.drop();
  });
  return world;
}

type Send = ReturnType<typeof useConsoleProcess>["send"];

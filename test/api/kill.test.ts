import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { freePort } from "../../cli/stack/ports.ts";
import { type ApiProcess, startApiProcess } from "../support/api-process.ts";
import { type Api, apiKey, seed, startApi } from "./harness.ts";

const posts = 1_000;
const callers = 16;
const kills = 4;
const callDeadlineMs = 5_000;

let api: Api;
beforeAll(async () => {
  api = await startApi();
  await seed(api, 50);
});
afterAll(() => api.stop());

it(`makes exactly ${posts} of ${posts} keyed requests whose API is killed and whose client repeats`, async () => {
  const port = await freePort();
  const start = async () => {
    const started = startApiProcess(api.url, { API_PORT: String(port), LOG_LEVEL: "error" });
    await started.ready;
    return started;
  };
  const post = async (n: number): Promise<string | null> => {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/v1/notifications`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${apiKey}`,
          "content-type": "application/json",
          "idempotency-key": `post-${n}`,
        },
        body: JSON.stringify({
          recipients: [`u${n % 50}`],
          template: { key: "order-shipped" },
          data: { order: String(n) },
        }),
        signal: AbortSignal.timeout(callDeadlineMs),
      });
      // 409: the first one is still running, or has died a moment ago.
      if (response.status === 202) return ((await response.json()) as { id: string }).id;
      expect([409, 503]).toContain(response.status);
      return null;
    } catch {
      // Nobody listens, or the connection broke: whether it was made is not known.
      return null;
    }
  };

  let running: ApiProcess = await start();
  const ids = new Map<number, string>();
  let repeated = 0;
  let next = 0;
  const caller = async () => {
    while (next < posts) {
      const n = next++;
      for (let id = await post(n); ; id = await post(n)) {
        if (id !== null) {
          ids.set(n, id);
          break;
        }
        repeated += 1;
        await sleep(20);
      }
    }
  };
  const killing = async () => {
    for (let kill = 1; kill <= kills; kill += 1) {
      await expect
        .poll(() => ids.size, { interval: 5 })
        .toBeGreaterThanOrEqual((kill * posts) / (kills + 1));
      running.child.kill("SIGKILL");
      await running.exited;
      running = await start();
    }
  };
  try {
    await Promise.all([killing(), ...Array.from({ length: callers }, caller)]);
  } finally {
    running.child.kill("SIGKILL");
  }

  // Else nothing was interrupted, and nothing is shown.
  expect(repeated).toBeGreaterThan(0);
  expect(new Set(ids.values()).size).toBe(posts);
  expect(await api.prisma.notification.count()).toBe(posts);
  expect(await api.prisma.delivery.count()).toBe(posts);
  expect(await api.prisma.idempotencyKey.count()).toBe(posts);
});

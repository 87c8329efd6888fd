import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { inject } from "vitest";
import { packageRoot } from "../../config/package-root.ts";
import { wakeCampaign, wakeQueue } from "../../workflows/client.ts";
import type { Api } from "../api/harness.ts";
import { startMailbox } from "../channels/mailbox.ts";
import { createDevServer } from "./temporal.ts";

/** Starts a worker process that delivers the messages of an API to a mailbox over SMTP. */
export async function startMailWorker(api: Api) {
  const [environment, mailbox] = await Promise.all([createDevServer(), startMailbox()]);
  const child = fork(join(packageRoot, "dist/workers/main.js"), {
    env: {
      PATH: process.env["PATH"],
      DATABASE_URL: api.url,
      TEMPORAL_ADDRESS: inject("temporalAddress"),
      TEMPORAL_NAMESPACE: environment.client.options.namespace,
      TOKEN_SECRET: "a-secret-of-at-least-32-characters",
      SMTP_URL: `smtp://127.0.0.1:${mailbox.port}`,
    },
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  await once(child, "message");
  return {
    received: mailbox.received,
    /** Wakes a queue, which the API of a test only records. */
    wake: (queue: string) => wakeQueue(environment.client, queue),
    /** Wakes a campaign likewise. */
    wakeCampaign: (id: string) => wakeCampaign(environment.client, id),
    async stop(): Promise<void> {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      await mailbox.close();
      await environment.teardown();
    },
  };
}

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startStack, type Stack, type StackOptions } from "../stack/stack.ts";

/** A separate stack on free ports, whose data is deleted when it stops. */
export interface TemporaryStack extends Omit<Stack, "stop"> {
  dataDir: string;
  /** Stops the stack. `keepData` keeps the folder, to investigate a failure. */
  stop(options?: { keepData?: boolean }): Promise<void>;
}

/** Variables of the caller that would make the stack use real servers. */
const foreign =
  /^(DATABASE_URL|SMTP_URL|PROVIDERS|TIDINGS_API_KEY|TOKEN_SECRET|SEALING_KEYS|VAPID_|PUBLIC_URL|TRACKING_URL|EVENTS_|TEMPORAL_(?!CLI_PATH).*)/;

/**
 * Starts a temporary stack.
 * @param smtpUrl the servers to send to; by default the stack's own mailbox
 */
export async function startTemporaryStack({
  environment,
  smtpUrl,
  ...options
}: Pick<StackOptions, "environment" | "environmentOfWorker" | "workers" | "say"> & {
  smtpUrl?: string;
}): Promise<TemporaryStack> {
  const dataDir = mkdtempSync(join(tmpdir(), "tidings-"));
  const own = Object.fromEntries(
    Object.entries(environment).filter(([name]) => !foreign.test(name)),
  );
  try {
    const stack = await startStack({
      ...options,
      dataDir,
      ports: "any",
      environment: { ...own, ...(smtpUrl !== undefined && { SMTP_URL: smtpUrl }) },
    });
    return {
      ...stack,
      dataDir,
      async stop({ keepData = false } = {}) {
        await stack.stop();
        if (!keepData) rmSync(dataDir, { recursive: true, force: true });
      },
    };
  } catch (error) {
    rmSync(dataDir, { recursive: true, force: true });
    throw error;
  }
}

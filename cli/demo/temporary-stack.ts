import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startStack, type Stack, type StackOptions } from "../stack/stack.ts";

/** A whole stack of its own, on free ports, whose data goes when it stops. */
export interface TemporaryStack extends Omit<Stack, "stop"> {
  dataDir: string;
  /** `keepData`: leaves the folder, for whoever has to find out what happened. */
  stop(options?: { keepData?: boolean }): Promise<void>;
}

/** Settings of whoever calls us that would have the stack work on somebody's real servers. */
const foreign =
  /^(DATABASE_URL|SMTP_URL|TIDINGS_API_KEY|TOKEN_SECRET|PUBLIC_URL|EVENTS_|TEMPORAL_(?!CLI_PATH).*)/;

/** @param smtpUrl sends there; otherwise to the stack's own mailbox */
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

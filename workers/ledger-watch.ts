import { createTransport } from "nodemailer";
import { describeError } from "../config/describe-error.ts";
import type { Logger } from "../config/logger.ts";
import { smtpConnectionOptions, type SmtpProvider } from "../config/smtp.ts";
import type { Sender } from "../domain/address.ts";
import { databaseCause, describeAlert } from "../domain/alerts.ts";
import { poll } from "../lib/polling.ts";
import { withTimeout } from "../lib/timeout.ts";
import type { WriteFault } from "../ledger/write-probe.ts";

const lookMs = 15_000;
const probeMs = 5_000;
const stepTimeoutMs = 10_000;
/** How many looks in a row must fail before anybody is mailed. One may meet a restart. */
const looksBeforeMail = 2;

interface LedgerWatchOptions {
  probeWrites: () => Promise<WriteFault | null>;
  /** The servers, in the order in which they are tried. */
  providers: readonly SmtpProvider[];
  from: Sender;
  /** The addresses of operators; nothing is watched if there are none. */
  to: readonly string[];
  /** The address of the console. */
  consoleUrl: string;
  logger: Pick<Logger, "warn" | "error">;
  everyMs?: number;
}

/**
 * Mails operators that the database does not answer or takes no writes, and that it does again. Such a mail cannot go through the ledger,
 * which is where it would be stored, so that a worker hands it to the first server that takes it. Each worker does so, once for each fault.
 */
export function watchLedger(options: LedgerWatchOptions): { stop(): void } {
  const { probeWrites, to, everyMs = lookMs } = options;
  let failedLooks = 0;
  let isTold = false;

  const look = async () => {
    const fault = await withTimeout(probeMs, probeWrites()).catch(() => "no_answer" as const);
    failedLooks = fault === null ? 0 : failedLooks + 1;
    if (failedLooks >= looksBeforeMail && !isTold) {
      const cause = databaseCause(fault !== "no_answer");
      isTold = await mail(options, describeAlert(cause).title, cause.detail);
    } else if (fault === null && isTold) {
      const detail = "What was accepted before is being sent.";
      isTold = !(await mail(options, "The database accepts writes again", detail));
    }
  };
  return to.length === 0 ? { stop() {} } : poll(look, everyMs);
}

/** Hands a mail to the first server that takes it. Resolves with whether one did. */
async function mail(
  { providers, from, to, consoleUrl, logger }: LedgerWatchOptions,
  title: string,
  detail: string,
): Promise<boolean> {
  for (const provider of providers) {
    const transport = createTransport({
      ...smtpConnectionOptions(provider, stepTimeoutMs),
      ...(provider.auth && { auth: provider.auth }),
    });
    try {
      await transport.sendMail({
        from: { name: from.name, address: from.mailbox.address },
        to: [...to],
        subject: title,
        text: `${detail}\n\n${consoleUrl}/health\n`,
        headers: { "Auto-Submitted": "auto-generated" },
      });
      return true;
    } catch (error) {
      logger.warn(
        { provider: provider.name, error: describeError(error) },
        "an alert could not be mailed through this provider",
      );
    } finally {
      transport.close();
    }
  }
  logger.error("operators could not be mailed about the database");
  return false;
}

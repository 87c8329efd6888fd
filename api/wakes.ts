import type { Logger } from "pino";
import { describeError } from "./database-errors.ts";

/** Tells workflows that the ledger has changed. Never throws, and never keeps a request waiting. */
export interface Wakes {
  queue(name: string): void;
  /** `campaignId` is the public id. */
  campaign(campaignId: string): void;
  /** Sends at once what waits, and resolves when nothing is under way any more. For the end of the process. */
  flush(): Promise<void>;
}

/** Ordinary mailboxes are told this late, so that a burst of notifications is one wake. */
export const mailboxWakeMs = 200;

interface Target {
  send: () => Promise<void>;
  timer: NodeJS.Timeout | null;
  inFlight: Promise<void> | null;
  /** A change was committed while a wake was under way, which may have been seen or not: one more follows. */
  again: boolean;
}

/**
 * Coalesces wakes: at most one of a target is in flight, a change that meets one sends one more after it, and an
 * ordinary mailbox is woken at most every `mailboxWakeMs`, at the end of that time. A wake that fails is logged and left
 * to the relay, which finds the overdue rows.
 */
export function createWakes({
  wakeQueue,
  wakeCampaign,
  logger,
}: {
  wakeQueue: (queue: string) => Promise<void>;
  wakeCampaign: (campaignId: string) => Promise<void>;
  logger: Pick<Logger, "warn">;
}): Wakes {
  const targets = new Map<string, Target>();

  function wake(name: string, delayMs: number, send: () => Promise<void>): void {
    let target = targets.get(name);
    if (!target) targets.set(name, (target = { send, timer: null, inFlight: null, again: false }));
    if (target.timer) return;
    if (delayMs > 0) target.timer = setTimeout(deliver, delayMs, name, target);
    else deliver(name, target);
  }

  function deliver(name: string, target: Target): void {
    if (target.timer) clearTimeout(target.timer);
    target.timer = null;
    if (target.inFlight) {
      target.again = true;
      return;
    }
    target.inFlight = target
      .send()
      .catch((error: unknown) =>
        logger.warn(
          { error: describeError(error), target: name },
          "could not wake a workflow: the relay will",
        ),
      )
      .then(() => {
        target.inFlight = null;
        if (target.again) {
          target.again = false;
          deliver(name, target);
        } else if (!target.timer) targets.delete(name);
      });
  }

  return {
    queue: (name) =>
      wake(name, name.startsWith("mailbox/") ? mailboxWakeMs : 0, () => wakeQueue(name)),
    campaign: (campaignId) => wake(`campaign/${campaignId}`, 0, () => wakeCampaign(campaignId)),
    async flush() {
      for (const [name, target] of targets) if (target.timer) deliver(name, target);
      while (targets.size > 0)
        await Promise.all([...targets.values()].map(async ({ inFlight }) => inFlight));
    },
  };
}

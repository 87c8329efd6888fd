import { AsyncResource } from "node:async_hooks";
import type { Logger } from "pino";
import { describeError } from "../config/describe-error.ts";
import type { Wake } from "../workflows/signals.ts";

/**
 * Tells workflows that the ledger has changed. Never throws, and never keeps a request waiting. A wake says for which
 * request it is, and is sent in its context, though later: where several are told as one, for the last of them.
 */
export interface Wakes {
  queue(name: string, wake: Wake): void;
  /** `campaignId` is the public id. */
  campaign(campaignId: string, wake: Wake): void;
  /** Sends at once what waits, and resolves when nothing is under way any more. For the end of the process. */
  flush(): Promise<void>;
}

/** Ordinary mailboxes are woken this late, so that a burst of notifications makes one wake. */
export const mailboxWakeMs = 200;

interface Target {
  /** Sends the wake for the last request that wanted it. */
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
  count = () => {},
}: {
  wakeQueue: (queue: string, wake: Wake) => Promise<void>;
  wakeCampaign: (campaignId: string, wake: Wake) => Promise<void>;
  logger: Pick<Logger, "warn">;
  /** Counts each wake by its outcome. */
  count?: (target: WakeTarget, outcome: "sent" | "failed") => void;
}): Wakes {
  const targets = new Map<string, Target>();

  function wake(name: string, delayMs: number, sendWake: () => Promise<void>): void {
    // A wake that is sent later belongs to the trace of its request, which the context of this call knows.
    const send = AsyncResource.bind(sendWake);
    let target = targets.get(name);
    if (!target) targets.set(name, (target = { send, timer: null, inFlight: null, again: false }));
    target.send = send;
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
      .then(
        () => count(kindOf(name), "sent"),
        (error: unknown) => {
          count(kindOf(name), "failed");
          logger.warn(
            { error: describeError(error), target: name },
            "could not wake a workflow: the relay will",
          );
        },
      )
      .then(() => {
        target.inFlight = null;
        if (target.again) {
          target.again = false;
          deliver(name, target);
        } else if (!target.timer) targets.delete(name);
      });
  }

  const kindOf = (name: string) => name.split("/", 1)[0] as WakeTarget;

  return {
    queue: (name, cause) =>
      wake(name, name.startsWith("mailbox/") ? mailboxWakeMs : 0, () => wakeQueue(name, cause)),
    campaign: (campaignId, cause) =>
      wake(`campaign/${campaignId}`, 0, () => wakeCampaign(campaignId, cause)),
    async flush() {
      for (const [name, target] of targets) if (target.timer) deliver(name, target);
      while (targets.size > 0)
        await Promise.all([...targets.values()].map(async ({ inFlight }) => inFlight));
    },
  };
}

export type WakeTarget = "mailbox" | "critical" | "campaign" | "digest";

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

/**
 * An ordinary mailbox is woken again this long after its last wake at the earliest: the longer, the longer a burst of notifications
 * goes on, so that what comes one by one does not wait, and what comes in numbers is sent together.
 */
export const mailboxWakeMs = { least: 25, most: 200 };

interface Target {
  /** Sends the wake for the last request that wanted it. */
  send: () => Promise<void>;
  /** Runs while it is too soon for another wake. */
  timer: NodeJS.Timeout | null;
  /** How long it runs the next time. */
  waitMs: number;
  inFlight: Promise<void> | null;
  /** A change was committed since the last wake was sent, which that one may have seen or not: one more follows. */
  again: boolean;
}

/**
 * Coalesces wakes: the first of a target is sent at once, for somebody may wait for a lone message; a change that meets one in flight
 * sends one more after it, and one of an ordinary mailbox no sooner than in `mailboxWakeMs` after the last. A wake that fails is logged
 * and left to the relay, which finds the overdue rows.
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
  let flushing = false;

  function wake(name: string, sendWake: () => Promise<void>): void {
    // A wake that is sent later belongs to the trace of its request, which the context of this call knows.
    const send = AsyncResource.bind(sendWake);
    const target = targets.get(name);
    if (target) {
      target.send = send;
      target.again = true;
      return;
    }
    const waitMs = mailboxWakeMs.least;
    const fresh: Target = { send, timer: null, waitMs, inFlight: null, again: true };
    targets.set(name, fresh);
    goOn(name, fresh);
  }

  /** Sends a wake if one is wanted and may be sent, and forgets a target of which nothing is to come. */
  function goOn(name: string, target: Target): void {
    if (target.inFlight || target.timer) return;
    if (target.again) deliver(name, target);
    else targets.delete(name);
  }

  function deliver(name: string, target: Target): void {
    target.again = false;
    if (name.startsWith("mailbox/") && !flushing) {
      target.timer = setTimeout(() => {
        target.timer = null;
        goOn(name, target);
      }, target.waitMs);
      target.waitMs = Math.min(2 * target.waitMs, mailboxWakeMs.most);
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
        goOn(name, target);
      });
  }

  const kindOf = (name: string) => name.split("/", 1)[0] as WakeTarget;

  return {
    queue: (name, cause) => wake(name, () => wakeQueue(name, cause)),
    campaign: (campaignId, cause) =>
      wake(`campaign/${campaignId}`, () => wakeCampaign(campaignId, cause)),
    async flush() {
      flushing = true;
      for (const [name, target] of targets) {
        if (target.timer) clearTimeout(target.timer);
        target.timer = null;
        goOn(name, target);
      }
      while (targets.size > 0)
        await Promise.all([...targets.values()].map(async ({ inFlight }) => inFlight));
    },
  };
}

export type WakeTarget = "mailbox" | "critical" | "campaign" | "digest";

import type { Logger } from "pino";
import { describeError } from "../config/describe-error.ts";
import type { Wake } from "../workflows/signals.ts";

/**
 * Signals workflows that the ledger has changed. Never throws, and never keeps a request waiting. A wake names its request and is
 * sent in that request's context, though later. Several wakes that are sent as one name the last request.
 */
export interface Wakes {
  queue(name: string, wake: Wake): void;
  /** `campaignId` is the public id. */
  campaign(campaignId: string, wake: Wake): void;
  /** Sends all waiting wakes at once, and resolves when none is in flight any more. To be called before the process ends. */
  flush(): Promise<void>;
}

/**
 * The shortest and the longest pause in milliseconds between two wakes of an ordinary mailbox. The pause grows while a burst of
 * notifications lasts, so that a single notification does not wait and many are sent together.
 */
export const mailboxWakeMs = { least: 25, most: 200 };

interface Target {
  /** Sends the wake for the last request that asked for it. */
  send: () => Promise<void>;
  /** Runs while it is too soon for another wake. */
  timer: NodeJS.Timeout | null;
  /** How long the timer runs the next time. */
  waitMs: number;
  inFlight: Promise<void> | null;
  /** Whether a change was committed since the last wake was sent. That wake may have come too early for it, so another one follows. */
  pending: boolean;
}

/**
 * Coalesces wakes. The first wake of a target is sent at once, because somebody may be waiting for a single message. A change that
 * is committed while a wake is in flight causes one more wake after it; an ordinary mailbox is woken again after the pause of
 * `mailboxWakeMs` at the earliest. A wake that fails is logged and left to the relay, which finds the overdue rows.
 */
export function createWakes({
  wakeQueue,
  wakeCampaign,
  logger,
  count = () => {},
  bindToTrace = (send) => send,
}: {
  wakeQueue: (queue: string, wake: Wake) => Promise<void>;
  wakeCampaign: (campaignId: string, wake: Wake) => Promise<void>;
  logger: Pick<Logger, "warn">;
  /** Counts each wake by its outcome. */
  count?: (target: WakeTarget, outcome: "sent" | "failed") => void;
  /** Has a wake that is sent later sent in the context of the request that asked for it. It costs time, and only traces need it. */
  bindToTrace?: (send: () => Promise<void>) => () => Promise<void>;
}): Wakes {
  const targets = new Map<string, Target>();
  let flushing = false;

  function wake(name: string, sendWake: () => Promise<void>): void {
    const send = bindToTrace(sendWake);
    const target = targets.get(name);
    if (target) {
      target.send = send;
      target.pending = true;
      return;
    }
    const waitMs = mailboxWakeMs.least;
    const added: Target = { send, timer: null, waitMs, inFlight: null, pending: true };
    targets.set(name, added);
    sendOrForget(name, added);
  }

  /** Sends the pending wake of a target, or forgets a target that has none. Does nothing while a wake is in flight or too early. */
  function sendOrForget(name: string, target: Target): void {
    if (target.inFlight || target.timer) return;
    if (target.pending) sendWakeOf(name, target);
    else targets.delete(name);
  }

  function sendWakeOf(name: string, target: Target): void {
    target.pending = false;
    if (name.startsWith("mailbox/") && !flushing) {
      target.timer = setTimeout(() => {
        target.timer = null;
        sendOrForget(name, target);
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
            "could not wake a workflow; the relay will wake it",
          );
        },
      )
      .then(() => {
        target.inFlight = null;
        sendOrForget(name, target);
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
        sendOrForget(name, target);
      }
      while (targets.size > 0)
        await Promise.all([...targets.values()].map(async ({ inFlight }) => inFlight));
    },
  };
}

export type WakeTarget = "mailbox" | "critical" | "campaign" | "digest";

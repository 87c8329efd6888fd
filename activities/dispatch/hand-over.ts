import { performance } from "node:perf_hooks";
import { retriesWithinMs, type RetryPolicy } from "../../domain/delivery/settle.ts";
import type { LedgerClock } from "../../ledger/clock.ts";
import type { Channel } from "../../domain/channel.ts";
import type { SendResult } from "../channels/channel.ts";
import type { GateAnswer } from "../channels/passage.ts";
import type { ChannelQueue } from "./channel-queue.ts";
import type { Confirmations } from "./confirmations.ts";
import type { Content } from "./send-job.ts";
import {
  type ClaimedMessage,
  countedAttemptsOf,
  type EndedMessage,
  interruptedAttempt,
  isRepeatableOnce,
  releaseMessage,
  settleMessage,
  unrenderable,
} from "./settlement.ts";

interface HandOverDeps {
  clock: LedgerClock;
  retry: RetryPolicy;
  random: () => number;
  /** Whether this worker can send on a channel. */
  isOffered: (channel: Channel) => boolean;
  confirmations: Pick<Confirmations, "add">;
  /** Returns true once no other message may begin. */
  isDraining: () => boolean;
  /** Returns true while no message may begin without a confirmation. */
  isHeld: () => boolean;
  /** Called with each message that was handed over, once its outcome is known. */
  onEnded: (message: EndedMessage) => void;
  /** Called when a message waits apart from the others, so that another may take its place. */
  onSetApart: () => void;
}

/** Hands claimed messages to their channels: builds the content, decides whether each may begin, and settles the result. */
export class HandOver {
  readonly #deps: HandOverDeps;

  constructor(deps: HandOverDeps) {
    this.#deps = deps;
  }

  start(queue: ChannelQueue, claimed: ClaimedMessage): void {
    queue.sending++;
    try {
      const content = claimed.job.contentOf(claimed.items);
      if (content instanceof Promise)
        content.then(
          (built) => this.#sendContent(queue, claimed, built),
          (fault: unknown) => this.#end(queue, claimed, unrenderable(fault)),
        );
      else this.#sendContent(queue, claimed, content);
    } catch (fault) {
      this.#end(queue, claimed, unrenderable(fault));
    }
  }

  #sendContent(queue: ChannelQueue, claimed: ClaimedMessage, content: Content): void {
    this.#send(queue, content, claimed).then(
      (result) => this.#end(queue, claimed, result, content.faults),
      // Whether the provider took the message is unknown.
      () => {
        const attempts = [interruptedAttempt()];
        this.#end(queue, claimed, { kind: "attempted", attempts });
      },
    );
  }

  /** Sends the content. A summary that cannot be rendered is sent with its default template. */
  #send(queue: ChannelQueue, content: Content, claimed: ClaimedMessage): Promise<SendResult> {
    const { channel } = queue;
    const { items, job } = claimed;
    const { recipient, priority, campaignId, reason } = items[0]!.delivery;
    const repeatable = isRepeatableOnce(items);
    const terms = {
      recipient,
      priority,
      isCampaign: campaignId !== null,
      hasWaited: reason === "provider_rate",
      repeatable,
      retriesWithinMs: retriesWithinMs(this.#deps.retry, countedAttemptsOf(items)),
      passages: job.passages,
      begin: (retry: () => void) => this.#mayBegin(queue, claimed, retry),
      onSetApart: this.#deps.onSetApart,
    };
    const sent = channel.send({ ...content, ...terms });
    const { fallback } = content;
    if (!fallback) return sent;
    return sent.then((result) =>
      result.kind === "unsendable" && result.reason === "template_error"
        ? channel.send({ ...content, ...fallback, ...terms })
        : result,
    );
  }

  /** Whether the claimed message may begin. Its source was checked for a stop when it was claimed or last confirmed. */
  #mayBegin(queue: ChannelQueue, claimed: ClaimedMessage, retry: () => void): GateAnswer {
    const now = performance.now();
    // A push message that some devices have goes on to the others while the worker stops.
    const isLate = this.#deps.isDraining() && !claimed.hasBegun;
    if (isLate || claimed.isRevoked || now >= claimed.deadlineMs) {
      claimed.isRevoked = true;
      return "closed";
    }
    if (now >= claimed.mayBeginUntilMs || this.#deps.isHeld()) {
      this.#deps.confirmations.add(claimed, retry);
      return "waits";
    }
    if (!claimed.hasBegun) {
      claimed.hasBegun = true;
      queue.begun++;
    }
    return "open";
  }

  #end(
    queue: ChannelQueue,
    claimed: ClaimedMessage,
    result: SendResult,
    faults?: Content["faults"],
  ): void {
    queue.sending--;
    if (claimed.hasBegun) {
      queue.begun--;
      queue.noteCompletion();
    }
    // No byte of the message was written after it was stopped, so the row gets back its earlier state.
    this.#deps.onEnded(
      claimed.isRevoked && result.kind === "held"
        ? releaseMessage(claimed)
        : settleMessage(claimed, result, this.#deps, faults),
    );
  }
}

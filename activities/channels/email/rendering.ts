import { performance } from "node:perf_hooks";
import { clockChoice } from "../../../config/clocks.ts";
import { threadFile } from "../../../config/thread-file.ts";
import type { Mailbox, Sender } from "../../../domain/address.ts";
import { responseLimit } from "../../../domain/delivery/attempt.ts";
import { emailTemplates } from "../../../domain/templates/content-for.ts";
import { Effort } from "../../../domain/templates/effort.ts";
import { LimitRow } from "../../../domain/templates/limit-row.ts";
import { TemplateError } from "../../../domain/templates/template-error.ts";
import { createThread, ThreadFault, type Thread } from "../../../lib/thread.ts";
import { TurnShare } from "../../../lib/turn-share.ts";
import type { SendRequest, SendResult } from "../channel.ts";
import { type ComposeRequest, createComposer } from "./compose.ts";
import type { Composed, ComposeTask } from "./compose-thread.ts";
import type { Message } from "./smtp-job.ts";

/** What a message may take where it holds up all others, about five milliseconds: more than a digest of a hundred items does. */
const stepsHere = 5_000;
/** What all messages may take in one turn of the event loop before other work comes between. */
const stepsInTurn = 2_000;
/** To parse what is longer, or has more tags, takes longer than any message may. */
const longestHere = 100_000;
const mostTagsHere = 400;

/** A thread that has not made a message by then never will, or has no CPU for it. */
const deadlineMs = 30_000;
const memoryMb = 512;
/** So much is made ahead of its turn, so that the thread is not idle while the next is claimed. */
const aheadMs = 200;
/** How long a message of a version may take that was never made in the thread: to begin, and to be waited for. */
const unknownMs = { begin: 20, wait: 1_000 };
/** The turn of a message may be guessed too late by no more than this. */
const longestHoldMs = 30_000;
/** When a message is tried again for which the thread had no time or memory. */
const threadRestMs = 5_000;

const keptVersions = 1_000;

/** A version takes more than a message may take here: it is made apart. */
export class TakesLong extends Error {}

/** What is known of a template version by how it was made here. */
class Version {
  isHeavy: boolean;
  readonly limits = new LimitRow();
  /** How long the thread takes for a message of it; null where it has made none. */
  typicalMs: number | null = null;
  /** When the next message that is held has its turn. */
  turnMs = 0;

  constructor(isHeavy: boolean) {
    this.isHeavy = isHeavy;
  }
}

/** A message, or why there is none. */
type Rendered = { message: Message } | { result: SendResult };

type InThread = Composed | { kind: "refused"; result: SendResult };

/**
 * Makes the messages of a channel so that none holds up others. What takes more steps than a message may take here is made in a thread,
 * and so are all later messages of its version: one after the other, of several versions in turn, while those that have to wait for
 * longer are put back. A version that goes beyond its limits again and again is no longer rendered for a while.
 */
export class Rendering {
  readonly #sender: Sender;
  readonly #clock: () => number;
  readonly #most: number;
  readonly #composer;
  readonly #thread: Thread<ComposeTask, InThread>;
  readonly #versions = new Map<string, Version>();
  readonly #share = new TurnShare(stepsInTurn);
  /** The same for all messages of a campaign. */
  readonly #dataTexts = new WeakMap<object, string>();
  #apart = 0;

  /** No more than `most` messages wait for the thread. */
  constructor({ sender, clock, most }: { sender: Sender; clock: () => number; most: number }) {
    this.#sender = sender;
    this.#clock = clock;
    this.#most = most;
    this.#composer = createComposer({ sender, clock });
    this.#thread = createThread({
      file: threadFile(import.meta.url, "compose-thread"),
      deadlineMs,
      memoryMb,
    });
  }

  /** Messages that wait for the thread, or are made there. */
  get apart(): number {
    return this.#apart;
  }

  /** Does `renderApart` decide about messages of the version? */
  isApart(request: ComposeRequest): boolean {
    const version = this.#versionOf(request);
    return version.isHeavy || version.limits.isResting(performance.now());
  }

  /** May a message be made in this turn? If not, `retry` is called in the next one. */
  mayCompose(retry: () => void): boolean {
    return this.#share.allows(retry);
  }

  /** Makes a message here. Throws `TemplateError`, and `TakesLong` where it has to be made apart. */
  compose(request: ComposeRequest, to: Mailbox): Message {
    const version = this.#versionOf(request);
    if (version.isHeavy) throw new TakesLong();
    const effort = new Effort(stepsHere);
    try {
      const message = this.#composer.compose(request, to, effort);
      version.limits.recordSuccess();
      return message;
    } catch (error) {
      if (!effort.isExceeded) {
        if (error instanceof TemplateError) note(version, error);
        throw error;
      }
      version.isHeavy = true;
      throw new TakesLong();
    } finally {
      this.#share.spend(effort.spent);
    }
  }

  /** Makes a message in the thread, if it is its turn. */
  async renderApart(
    request: ComposeRequest & Pick<SendRequest, "onSetApart">,
    to: Mailbox,
  ): Promise<Rendered> {
    const version = this.#versionOf(request);
    const refused = this.#refusal(version);
    if (refused) return { result: refused };
    const key = request.templateVersionId;
    if (!this.#hasPlace(key, version)) return { result: this.#hold(version) };
    this.#apart += 1;
    request.onSetApart?.();
    try {
      const made = await this.#compose(key, version, request, to);
      if (made.kind === "made") {
        version.limits.recordSuccess();
        return made;
      }
      if (made.kind === "refused") return made;
      note(version, { message: made.fault, isBeyondLimit: made.isBeyondLimit });
      return { result: unrenderable(made.fault) };
    } catch (error) {
      if (!(error instanceof ThreadFault)) throw error;
      note(version, { message: `the message ${error.message}`, isBeyondLimit: true });
      return { result: this.#refusal(version) ?? this.#heldUntil(this.#clock() + threadRestMs) };
    } finally {
      this.#apart -= 1;
    }
  }

  /** Ends the thread: what it had to make is held. */
  close(): Promise<void> {
    return this.#thread.close();
  }

  async #compose(
    key: string,
    version: Version,
    { data, ...request }: ComposeRequest,
    to: Mailbox,
  ): Promise<InThread> {
    const { messageId, templateVersionId, content, recipient, actions, email, priority } = request;
    const parts = { messageId, templateVersionId, content, recipient, actions, email, priority };
    let begunMs = 0;
    const task = (): ComposeTask => {
      begunMs = performance.now();
      return {
        sender: this.#sender,
        to,
        request: parts,
        data: this.#textOf(data),
        atMs: this.#clock(),
        clocks: clockChoice(),
      };
    };
    // The row may have got too long while it waited.
    const made = await this.#thread.run(key, task, () => {
      const result = this.#refusal(version);
      return result && { kind: "refused", result };
    });
    if (begunMs > 0) {
      const tookMs = performance.now() - begunMs;
      version.typicalMs ??= tookMs;
      version.typicalMs += (tookMs - version.typicalMs) / 4;
    }
    return made;
  }

  #textOf(data: Record<string, unknown>): string {
    const kept = this.#dataTexts.get(data) ?? JSON.stringify(data);
    this.#dataTexts.set(data, kept);
    return kept;
  }

  #versionOf({ templateVersionId, content }: ComposeRequest): Version {
    const kept = this.#versions.get(templateVersionId);
    if (kept) return kept;
    const version = new Version(emailTemplates(content).some(isLong));
    this.#versions.set(templateVersionId, version);
    if (this.#versions.size > keptVersions)
      this.#versions.delete(this.#versions.keys().next().value!);
    return version;
  }

  /** One message of each version, and more of those that are made in no time. */
  #hasPlace(key: string, { typicalMs }: Version): boolean {
    if (this.#thread.size() >= this.#most) return false;
    const own = this.#thread.size(key);
    return own === 0 || (own + 1) * (typicalMs ?? unknownMs.begin) <= aheadMs;
  }

  /** Puts a message back until its turn, which is after those of its version that were put back before. */
  #hold(version: Version): SendResult {
    const now = this.#clock();
    const turnMs = Math.max(now, version.turnMs) + (version.typicalMs ?? unknownMs.wait);
    version.turnMs = Math.min(turnMs, now + longestHoldMs);
    return this.#heldUntil(version.turnMs);
  }

  #heldUntil(untilMs: number): SendResult {
    return { kind: "held", reason: "rendering", until: new Date(untilMs) };
  }

  /** What becomes of messages of a version that is not rendered at the moment; null for others. */
  #refusal({ limits }: Version): SendResult | null {
    const restMs = limits.restMs(performance.now());
    if (restMs === 0) return null;
    // Something in the data of some may be at fault, and not the version.
    return limits.hasSucceeded
      ? this.#heldUntil(this.#clock() + restMs)
      : unrenderable(limits.restReason);
  }
}

const isLong = (template: string) =>
  template.length > longestHere ||
  template.split(/\{[{%]/, mostTagsHere + 2).length > mostTagsHere + 1;

const unrenderable = (fault: string): SendResult => ({
  kind: "unsendable",
  reason: "template_error",
  detail: fault.slice(0, responseLimit),
});

function note({ limits }: Version, fault: Pick<TemplateError, "message" | "isBeyondLimit">): void {
  if (fault.isBeyondLimit) limits.recordExcess(fault.message, performance.now());
  else limits.recordOtherFailure();
}

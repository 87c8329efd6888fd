import { performance } from "node:perf_hooks";
import { clockChoice } from "../../config/clocks.ts";
import { responseLimit } from "../../domain/delivery/attempt.ts";
import { Effort } from "../../domain/templates/effort.ts";
import { LimitRow } from "../../domain/templates/limit-row.ts";
import { TemplateError } from "../../domain/templates/template-error.ts";
import { createThread, ThreadFault, type Thread } from "../../lib/thread.ts";
import { TurnShare } from "../../lib/turn-share.ts";
import type { SendRequest, SendResult } from "./channel.ts";
import type { RenderedInThread, RenderTask } from "./render-task.ts";

/** The steps that a message may take while it holds up all others, about five milliseconds. A digest of a hundred items takes fewer. */
const stepsHere = 5_000;
/** The steps that all messages may take in one turn of the event loop before other work is let in. */
const stepsInTurn = 2_000;
/** A template that is longer, or has more tags, takes longer to parse than a message may take here. */
const longestHere = 100_000;
const maxTagsHere = 400;

/** A thread that has not rendered a message within this time never will, or has no CPU for it. */
const deadlineMs = 30_000;
const memoryMb = 512;
/** Messages are rendered ahead by this much, so that the thread is not idle while the next ones are claimed. */
const aheadMs = 200;
/** The estimate for a message of a version that was never rendered in the thread: to decide whether it may begin, and how long it waits. */
const unknownMs = { begin: 20, wait: 1_000 };
/** A message is put back for no longer than this, since its time is only an estimate. */
const longestHoldMs = 30_000;
/** When a message for which the thread lacked time or memory is tried again. */
const threadRestMs = 5_000;

const keptVersions = 1_000;

/** Thrown when a version takes more steps than a message may take here, so that it has to be rendered apart. */
export class TakesLong extends Error {}

/** How the messages of a template version were rendered so far. */
class Version {
  isHeavy: boolean;
  readonly limits = new LimitRow();
  /** The usual time of a message in the thread; null if there was none. */
  typicalMs: number | null = null;
  /** When the next message that is put back may be rendered. */
  nextMs = 0;

  constructor(isHeavy: boolean) {
    this.isHeavy = isHeavy;
  }
}

/** A message, or the result of one that was not rendered. */
type Rendered<Message> = { message: Message } | { result: SendResult };

type InThread<Message> = RenderedInThread<Message> | { kind: "refused"; result: SendResult };

/** The part of a request that every channel renders by. */
type RenderRequest = Pick<SendRequest, "templateVersionId" | "content" | "data">;

/** How a channel renders its messages. `To` is what a message depends on besides its request, such as a mailbox. */
export interface Renderer<Request extends RenderRequest, To, Parts, Message> {
  /** Renders a message. Throws `TemplateError`, also if the message needs more than `effort` has left. */
  render(request: Request, to: To, effort: Effort): Message;
  /** The templates of a content, by whose length the time to parse them is estimated. */
  templatesOf(content: Request["content"]): readonly string[];
  /** The URL of a module whose default export renders a `RenderTask<Parts>`. */
  threadFile: string;
  /** The input of a message in the thread, without its data. */
  partsOf(request: Request, to: To): Parts;
}

/**
 * Renders the messages of a channel so that none holds up others. A message that takes more steps than one may take here is
 * rendered in a thread, and so are all later messages of its version. The thread renders them one after the other, alternating
 * between versions, while those that would have to wait for longer are put back. A version that exceeds its limits again and
 * again is not rendered for a while.
 */
export class Rendering<Request extends RenderRequest, To, Parts, Message> {
  readonly #renderer: Renderer<Request, To, Parts, Message>;
  readonly #clock: () => number;
  readonly #maxWaiting: number;
  readonly #thread: Thread<RenderTask<Parts>, InThread<Message>>;
  readonly #versions = new Map<string, Version>();
  readonly #share = new TurnShare(stepsInTurn);
  /** The data as JSON, which is the same for all messages of a campaign. */
  readonly #dataTexts = new WeakMap<object, string>();
  #apart = 0;

  /**
   * @param clock returns milliseconds since the epoch
   * @param maxWaiting the maximum number of messages that wait for the thread
   */
  constructor(
    renderer: Renderer<Request, To, Parts, Message>,
    { clock, maxWaiting }: { clock: () => number; maxWaiting: number },
  ) {
    this.#renderer = renderer;
    this.#clock = clock;
    this.#maxWaiting = maxWaiting;
    this.#thread = createThread({ file: renderer.threadFile, deadlineMs, memoryMb });
  }

  /** The number of messages that wait for the thread, or are rendered there. */
  get apart(): number {
    return this.#apart;
  }

  /** True if messages of the version have to go through `renderApart`. */
  isApart(request: Request): boolean {
    const version = this.#versionOf(request);
    return version.isHeavy || version.limits.isResting(performance.now());
  }

  /** True if a message may be rendered in this turn of the event loop. If not, `retry` is called in the next one. */
  mayRender(retry: () => void): boolean {
    return this.#share.allows(retry);
  }

  /** Resolves when a message may be rendered; undefined if it may be at once. It has to be called again then. */
  waitForTurn(): Promise<void> | undefined {
    return this.#share.wait();
  }

  /** Renders a message here. Throws `TemplateError`, or `TakesLong` if it has to be rendered apart. */
  render(request: Request, to: To): Message {
    const version = this.#versionOf(request);
    if (version.isHeavy) throw new TakesLong();
    const effort = new Effort(stepsHere);
    try {
      const message = this.#renderer.render(request, to, effort);
      version.limits.recordSuccess();
      return message;
    } catch (error) {
      if (!effort.isExceeded) {
        if (error instanceof TemplateError) noteFault(version, error);
        throw error;
      }
      version.isHeavy = true;
      throw new TakesLong();
    } finally {
      this.#share.spend(effort.spent);
    }
  }

  /** Renders a message in the thread, or puts it back if there is no room. */
  async renderApart(
    request: Request & Pick<SendRequest, "onSetApart">,
    to: To,
  ): Promise<Rendered<Message>> {
    const version = this.#versionOf(request);
    const refused = this.#refusal(version);
    if (refused) return { result: refused };
    const key = request.templateVersionId;
    if (!this.#hasPlace(key, version)) return { result: this.#hold(version) };
    this.#apart += 1;
    request.onSetApart?.();
    try {
      const rendered = await this.#renderInThread(key, version, request, to);
      if (rendered.kind === "rendered") {
        version.limits.recordSuccess();
        return rendered;
      }
      if (rendered.kind === "refused") return rendered;
      noteFault(version, { message: rendered.fault, isBeyondLimit: rendered.isBeyondLimit });
      return { result: unrenderable(rendered.fault) };
    } catch (error) {
      if (!(error instanceof ThreadFault)) throw error;
      noteFault(version, { message: `the message ${error.message}`, isBeyondLimit: true });
      return { result: this.#refusal(version) ?? this.#holdUntil(this.#clock() + threadRestMs) };
    } finally {
      this.#apart -= 1;
    }
  }

  /** Ends the thread. Messages that it still had to render are held. */
  close(): Promise<void> {
    return this.#thread.close();
  }

  async #renderInThread(
    key: string,
    version: Version,
    request: Request,
    to: To,
  ): Promise<InThread<Message>> {
    let begunMs = 0;
    const task = (): RenderTask<Parts> => {
      begunMs = performance.now();
      return {
        parts: this.#renderer.partsOf(request, to),
        data: this.#textOf(request.data),
        atMs: this.#clock(),
        clocks: clockChoice(),
      };
    };
    // The limits of the version may have been exceeded while the message waited.
    const rendered = await this.#thread.run(key, task, () => {
      const result = this.#refusal(version);
      return result && { kind: "refused", result };
    });
    if (begunMs > 0) {
      const tookMs = performance.now() - begunMs;
      version.typicalMs ??= tookMs;
      version.typicalMs += (tookMs - version.typicalMs) / 4;
    }
    return rendered;
  }

  #textOf(data: Record<string, unknown>): string {
    const kept = this.#dataTexts.get(data) ?? JSON.stringify(data);
    this.#dataTexts.set(data, kept);
    return kept;
  }

  #versionOf({ templateVersionId, content }: Request): Version {
    const kept = this.#versions.get(templateVersionId);
    if (kept) return kept;
    const version = new Version(this.#renderer.templatesOf(content).some(isLong));
    this.#versions.set(templateVersionId, version);
    if (this.#versions.size > keptVersions)
      this.#versions.delete(this.#versions.keys().next().value!);
    return version;
  }

  /** Whether a message may join the thread's queue: one of each version, and more of those that take little time. */
  #hasPlace(key: string, { typicalMs }: Version): boolean {
    if (this.#thread.size() >= this.#maxWaiting) return false;
    const own = this.#thread.size(key);
    return own === 0 || (own + 1) * (typicalMs ?? unknownMs.begin) <= aheadMs;
  }

  /** Puts a message back until the version's earlier ones, which were put back before, have had their time. */
  #hold(version: Version): SendResult {
    const now = this.#clock();
    const nextMs = Math.max(now, version.nextMs) + (version.typicalMs ?? unknownMs.wait);
    version.nextMs = Math.min(nextMs, now + longestHoldMs);
    return this.#holdUntil(version.nextMs);
  }

  #holdUntil(untilMs: number): SendResult {
    return { kind: "held", reason: "rendering", until: new Date(untilMs) };
  }

  /** The result of a message whose version is not rendered at the moment; null if it is. */
  #refusal({ limits }: Version): SendResult | null {
    const restMs = limits.restMs(performance.now());
    if (restMs === 0) return null;
    // If the version has kept its limits before, the data of some messages may be at fault.
    return limits.hasSucceeded
      ? this.#holdUntil(this.#clock() + restMs)
      : unrenderable(limits.restReason);
  }
}

const isLong = (template: string) =>
  template.length > longestHere ||
  template.split(/\{[{%]/, maxTagsHere + 2).length > maxTagsHere + 1;

/** The result of a message whose template is faulty. */
export const unrenderable = (fault: unknown): SendResult => ({
  kind: "unsendable",
  reason: "template_error",
  detail: (typeof fault === "string"
    ? fault
    : fault instanceof TemplateError
      ? fault.message
      : "the message cannot be rendered"
  ).slice(0, responseLimit),
});

function noteFault(
  { limits }: Version,
  fault: Pick<TemplateError, "message" | "isBeyondLimit">,
): void {
  if (fault.isBeyondLimit) limits.recordExcess(fault.message, performance.now());
  else limits.recordOtherFailure();
}

import { performance } from "node:perf_hooks";
import { clockChoice } from "../../config/clocks.ts";
import { threadFile } from "../../config/thread-file.ts";
import { LimitRow } from "../../domain/templates/limit-row.ts";
import type { TemplateContent } from "../../domain/templates/content.ts";
import type { ContentChannel } from "../../domain/templates/content-parts.ts";
import type { PreviewMessage } from "../../domain/templates/preview.ts";
import type { EmailAddresses, RecipientScope } from "../../domain/templates/template.ts";
import type { Fault, Position } from "../../domain/templates/template-error.ts";
import { createThread, ThreadFault } from "../../lib/thread.ts";
import type { Caller } from "../http/keyring.ts";
import { Problem } from "../http/problem.ts";
import type { RenderingResult, RenderingTask } from "./rendering-thread.ts";

const deadlineMs = 20_000;
const memoryMb = 512;
/** A task that has waited for longer is refused. */
const longestWaitMs = 20_000;
/** A task that finds this many tasks before it is refused. */
const mostWaiting = 200;
/** How long a version rests after it exceeded its limits several times in a row. Short, because its author may be correcting the data. */
const restMs = 10_000;
const keptRows = 1_000;

type Preview =
  | { kind: "rendered"; message: PreviewMessage }
  | { kind: "unfit"; faults: Fault[] }
  | { kind: "fault"; fault: string; part: string | null; position: Position | null };

/** A version to preview, whose content was checked. `id` is null for one that is not saved. */
interface PreviewedVersion {
  id: string | null;
  content: TemplateContent;
  variables: unknown;
}

/** Parses and renders templates in a thread, so that no other request waits for them. A process has one such thread. */
export interface TemplateRendering {
  /** Lists every body that cannot be parsed. */
  check(caller: Caller, content: TemplateContent): Promise<Fault[]>;
  /**
   * Renders the message that a recipient would get, or describes what is wrong with the data. An email shows examples where `addresses` are left
   * out.
   */
  preview(
    caller: Pick<Caller, "scope">,
    channel: ContentChannel,
    version: PreviewedVersion,
    recipient: RecipientScope,
    data: Record<string, unknown>,
    addresses?: EmailAddresses,
  ): Promise<Preview>;
}

export function createTemplateRendering(): TemplateRendering {
  const thread = createThread<RenderingTask, RenderingResult | { kind: "late" }>({
    file: threadFile(import.meta.url, "rendering-thread"),
    deadlineMs,
    memoryMb,
  });
  const rows = new Map<string, LimitRow>();

  function rowOf(versionId: string): LimitRow {
    const row = rows.get(versionId) ?? new LimitRow(restMs);
    rows.set(versionId, row);
    if (rows.size > keptRows) rows.delete(rows.keys().next().value!);
    return row;
  }

  async function run(
    caller: Pick<Caller, "scope">,
    task: () => RenderingTask,
    skip: () => RenderingResult | null = () => null,
  ): Promise<RenderingResult> {
    if (thread.size() >= mostWaiting) throw busy();
    const askedMs = performance.now();
    const isLate = () => performance.now() - askedMs > longestWaitMs;
    try {
      const result = await thread.run(caller.scope, task, () =>
        isLate() ? { kind: "late" } : skip(),
      );
      if (result.kind === "late") throw busy();
      return result;
    } catch (error) {
      if (!(error instanceof ThreadFault)) throw error;
      throw new Problem("unavailable", `The template ${error.message} at the moment.`, retryLater);
    }
  }

  return {
    async check(caller, content) {
      const result = await run(caller, () => ({ kind: "check", content }));
      return result.kind === "checked" ? result.faults : [];
    },
    async preview(caller, channel, { id, content, variables }, recipient, data, addresses) {
      const row = id === null ? new LimitRow(restMs) : rowOf(id);
      const text = JSON.stringify(data);
      const result = await run(
        caller,
        () => ({
          kind: "preview",
          channel,
          content,
          variables,
          recipient,
          addresses,
          data: text,
          clocks: clockChoice(),
        }),
        () =>
          row.isResting(performance.now())
            ? {
                kind: "fault",
                fault: row.restReason,
                part: null,
                isBeyondLimit: false,
                position: null,
              }
            : null,
      );
      if (result.kind === "rendered") row.recordSuccess();
      if (result.kind === "fault" && result.isBeyondLimit)
        row.recordExcess(result.fault, performance.now());
      return result as Preview;
    },
  };
}

const retryLater = { headers: { "retry-after": "5" } };

const busy = () =>
  new Problem("unavailable", "Too many templates are being rendered. Try again later.", retryLater);

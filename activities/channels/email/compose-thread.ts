import { adoptClocks, type ClockChoice } from "../../../config/clocks.ts";
import type { Mailbox, Sender } from "../../../domain/address.ts";
import { Effort } from "../../../domain/templates/effort.ts";
import { TemplateError } from "../../../domain/templates/template-error.ts";
import { type Composer, type ComposeRequest, createComposer } from "./compose.ts";
import type { Message } from "./smtp-job.ts";

/** The input of a thread that composes a message. */
export interface ComposeTask {
  sender: Sender;
  to: Mailbox;
  request: Omit<ComposeRequest, "data">;
  /** JSON, which reaches a thread at a fraction of the cost of an object. */
  data: string;
  /** The date of the message, in milliseconds since the epoch. */
  atMs: number;
  clocks: ClockChoice;
}

export type Composed =
  | { kind: "composed"; message: Message }
  | { kind: "fault"; fault: string; isBeyondLimit: boolean };

/** A small number, since a version that is composed here may be large. */
const keptVersions = 8;

let composer: Composer | undefined;
let atMs = 0;

/** Composes a message in a thread, without a limit on its steps other than the template's own. */
export default function composeInThread(task: ComposeTask): Composed {
  adoptClocks(task.clocks);
  ({ atMs } = task);
  composer ??= createComposer({ sender: task.sender, clock: () => atMs, keptVersions });
  try {
    const request = { ...task.request, data: JSON.parse(task.data) as Record<string, unknown> };
    return { kind: "composed", message: composer.compose(request, task.to, new Effort()) };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return { kind: "fault", fault: error.message, isBeyondLimit: error.isBeyondLimit };
  }
}

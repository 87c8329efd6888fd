import { adoptClocks, type ClockChoice } from "../../../config/clocks.ts";
import type { Mailbox, Sender } from "../../../domain/address.ts";
import { Effort } from "../../../domain/templates/effort.ts";
import { TemplateError } from "../../../domain/templates/template-error.ts";
import { type Composer, type ComposeRequest, createComposer } from "./compose.ts";
import type { Message } from "./smtp-job.ts";

/** What a thread is told of a message that it is to make. */
export interface ComposeTask {
  sender: Sender;
  to: Mailbox;
  request: Omit<ComposeRequest, "data">;
  /** As JSON, which crosses over to a thread at a fraction of the cost. */
  data: string;
  /** When the message is made, in milliseconds since the epoch. */
  atMs: number;
  clocks: ClockChoice;
}

export type Composed =
  | { kind: "made"; message: Message }
  | { kind: "fault"; fault: string; isBeyondLimit: boolean };

/** Few: a version that is made here may be large. */
const keptVersions = 8;

let composer: Composer | undefined;
let atMs = 0;

/** Makes a message in a thread, with all the steps that it may take. */
export default function composeInThread(task: ComposeTask): Composed {
  adoptClocks(task.clocks);
  ({ atMs } = task);
  composer ??= createComposer({ sender: task.sender, clock: () => atMs, keptVersions });
  try {
    const request = { ...task.request, data: JSON.parse(task.data) as Record<string, unknown> };
    return { kind: "made", message: composer.compose(request, task.to, new Effort()) };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return { kind: "fault", fault: error.message, isBeyondLimit: error.isBeyondLimit };
  }
}

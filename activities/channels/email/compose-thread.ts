import type { Mailbox, Sender } from "../../../domain/address.ts";
import { Effort } from "../../../domain/templates/effort.ts";
import { type RenderedInThread, type RenderTask, renderTask } from "../render-task.ts";
import { type Composer, type ComposeRequest, createComposer } from "./compose.ts";
import type { LinkSettings } from "./message-links.ts";
import type { Message } from "./smtp-job.ts";

/** The input of an email that a thread composes, without its data. */
export interface ComposeParts extends Omit<ComposeRequest, "data"> {
  sender: Sender;
  links?: LinkSettings;
  to: Mailbox;
}

/** A small number, since a version that is composed here may be large. */
const keptVersions = 8;

let composer: Composer | undefined;
let nowMs = 0;

/** Composes a message in a thread, without a limit on its steps other than the template's own. */
export default function composeInThread(task: RenderTask<ComposeParts>): RenderedInThread<Message> {
  return renderTask(task, ({ sender, links, to, ...request }, atMs) => {
    nowMs = atMs;
    composer ??= createComposer({
      sender,
      clock: () => nowMs,
      keptVersions,
      ...(links && { links }),
    });
    return composer.compose(request, to, new Effort());
  });
}

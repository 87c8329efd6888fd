import { Effort } from "../../../domain/templates/effort.ts";
import type { PushText } from "../../../domain/push-payload.ts";
import { type RenderedInThread, type RenderTask, renderTask } from "../render-task.ts";
import { createPushWriter, type PushParts, type PushWriter } from "./push-writer.ts";

/** A small number, since a version that is rendered here may be large. */
const keptVersions = 8;

let writer: PushWriter | undefined;

/** Renders a push message in a thread, without a limit on its steps other than the template's own. */
export default function renderInThread(task: RenderTask<PushParts>): RenderedInThread<PushText> {
  return renderTask(task, (request, atMs) => {
    writer ??= createPushWriter(keptVersions);
    return writer.write(request, atMs, new Effort());
  });
}

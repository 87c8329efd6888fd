import { Effort } from "../../../domain/templates/effort.ts";
import { type RenderedInThread, type RenderTask, renderTask } from "../render-task.ts";
import { createInAppWriter, type InAppParts, type InAppText } from "./in-app-writer.ts";

/** Only a few versions are kept, because those that are rendered here may be large. */
const write = createInAppWriter({ keptVersions: 8 });

/** Renders an item in a thread, without a limit on its steps other than the template's own. */
export default function renderInThread(task: RenderTask<InAppParts>): RenderedInThread<InAppText> {
  return renderTask(task, (request) => write(request, new Effort()));
}

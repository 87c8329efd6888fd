import { threadFile } from "../../../config/thread-file.ts";
import type { PushText } from "../../../domain/push-payload.ts";
import { pushTemplates } from "../../../domain/templates/content-for.ts";
import type { Renderer } from "../rendering.ts";
import { createPushWriter, type PushParts, type PushRequest } from "./push-writer.ts";

/** Renders push messages. `clock` returns milliseconds since the epoch. */
export function createPushRenderer(
  clock: () => number,
): Renderer<PushRequest, null, PushParts, PushText> {
  const writer = createPushWriter();
  return {
    render: (request, _, effort) => writer.write(request, clock(), effort),
    templatesOf: pushTemplates,
    threadFile: threadFile(import.meta.url, "push-thread"),
    partsOf(request) {
      const { messageId, templateVersionId, content, recipient, actions, about, priority } =
        request;
      const { receipt } = request;
      return {
        messageId,
        templateVersionId,
        content,
        recipient,
        actions,
        ...(receipt !== undefined && { receipt }),
        about,
        priority,
      };
    },
  };
}

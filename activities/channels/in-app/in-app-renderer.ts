import { threadFile } from "../../../config/thread-file.ts";
import { inAppTemplates } from "../../../domain/templates/content-for.ts";
import type { Renderer } from "../rendering.ts";
import {
  createInAppWriter,
  type InAppParts,
  type InAppRequest,
  type InAppText,
} from "./in-app-writer.ts";

/** Renders the items of inboxes. */
export function createInAppRenderer(): Renderer<InAppRequest, null, InAppParts, InAppText> {
  const write = createInAppWriter();
  return {
    render: (request, _, effort) => write(request, effort),
    templatesOf: inAppTemplates,
    threadFile: threadFile(import.meta.url, "in-app-thread"),
    partsOf: ({ templateVersionId, content, recipient, actions }) => ({
      templateVersionId,
      content,
      recipient,
      actions,
    }),
  };
}

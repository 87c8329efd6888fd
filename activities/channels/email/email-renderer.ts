import { threadFile } from "../../../config/thread-file.ts";
import type { Mailbox, Sender } from "../../../domain/address.ts";
import { emailTemplates } from "../../../domain/templates/content-for.ts";
import type { Renderer } from "../rendering.ts";
import { type ComposeRequest, createComposer } from "./compose.ts";
import type { ComposeParts } from "./compose-thread.ts";
import type { LinkSettings } from "./message-links.ts";
import type { Message } from "./smtp-job.ts";

/** Renders the emails of one sender. `clock` returns milliseconds since the epoch. Without `links`, nothing is tracked. */
export function createEmailRenderer(
  sender: Sender,
  links: LinkSettings | undefined,
  clock: () => number,
): Renderer<ComposeRequest, Mailbox, ComposeParts, Message> {
  const composer = createComposer({ sender, clock, ...(links && { links }) });
  return {
    render: (request, to, effort) => composer.compose(request, to, effort),
    templatesOf: emailTemplates,
    threadFile: threadFile(import.meta.url, "compose-thread"),
    partsOf(request, to) {
      const { messageId, templateVersionId, content, recipient, actions, email, priority } =
        request;
      const { additions, list, tracking } = request;
      const parts = { messageId, templateVersionId, content, recipient, actions, email, priority };
      return {
        ...parts,
        ...(additions && { additions }),
        ...(list && { list }),
        ...(tracking && { tracking }),
        ...(links && { links }),
        sender,
        to,
      };
    },
  };
}

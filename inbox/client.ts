import { OpenInbox } from "./open-inbox.ts";
import type { Inbox, InboxOptions } from "./types.ts";

export { countLimit } from "./counts.ts";
export { type Inbox, InboxError, type InboxOptions } from "./types.ts";
export type {
  InboxAction,
  InboxChange,
  InboxCounts,
  InboxItem,
  InboxState,
  InboxView,
} from "./types.ts";

/** Opens the inbox of a recipient: loads its newest items and keeps them up to date until `close`. */
export function createInbox(options: InboxOptions): Inbox {
  return new OpenInbox(options);
}

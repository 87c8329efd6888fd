import { publicId } from "../domain/ids.ts";
import type { Policy } from "../domain/policy.ts";
import type { Content, Item } from "./hand-over.ts";

/** What messages say: a delivery what its template says, several together a summary. */
export interface Summaries {
  /** For a page of messages, each by its first item. */
  of(firsts: readonly Item[]): Promise<(claimed: readonly Item[], policy: Policy) => Content>;
}

export function createSummaries(): Summaries {
  return {
    of: () =>
      Promise.resolve((claimed) => {
        const { delivery, source } = claimed[0]!;
        return {
          messageId:
            claimed.length > 1 && delivery.group
              ? publicId("group", delivery.group.id)
              : publicId("delivery", delivery.id),
          templateVersionId: source.templateVersionId,
          content: source.content,
          data: source.data,
          actions: [],
        };
      }),
  };
}

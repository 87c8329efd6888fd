import { createHash } from "node:crypto";
import { newUuid } from "../../domain/ids.ts";
import { expandContent, type InlineContent, pathInContent } from "../../domain/inline-content.ts";
import { blankInclusions, mapHtml } from "../../domain/templates/layouts.ts";
import { keepInlineContent } from "../../ledger/inline-contents.ts";
import type { Execute } from "../../ledger/sql.ts";
import { canonicalJson } from "../../lib/canonical-json.ts";
import type { PrismaClient } from "../../prisma/generated/client.ts";
import type { Caller } from "../http/keyring.ts";
import { type FieldError, jsonPointer } from "../http/problem.ts";
import { flattenContent } from "../layouts/store.ts";
import type { TemplateRendering } from "../templates/rendering.ts";

/** The stored content of a notification, or the reasons why it cannot be used. */
export type StoredContent =
  | { kind: "content"; id: string }
  | { kind: "faulty"; errors: readonly FieldError[] };

/** How long a process uses a content without noting its use, so that retention does not remove it. Much less than a day. */
const knownForMs = 3_600_000;
const mostKnown = 500;

/** Checks and stores the contents of notifications without a template, each once. An API process has one instance. */
export interface InlineContents {
  /** Stores a content, unless an equal one is stored. Must not run within a transaction: it may wait for the rendering thread. */
  store(caller: Caller, content: InlineContent, now: Date): Promise<StoredContent>;
  /** Forgets that a content is stored. To be called if it was removed meanwhile. */
  forget(content: InlineContent): void;
}

export function createInlineContents({
  prisma,
  execute,
  rendering,
}: {
  prisma: Pick<PrismaClient, "layout">;
  execute: Execute;
  rendering: TemplateRendering;
}): InlineContents {
  /** The ids of stored contents by the hash of what the caller sent. */
  const known = new Map<string, { id: string; untilMs: number }>();

  return {
    async store(caller, content, now) {
      const sent = hashOf(content);
      const kept = known.get(sent);
      if (kept && kept.untilMs > now.getTime()) return { kind: "content", id: kept.id };
      const whole = expandContent(content);
      const flat = await flattenContent(prisma, whole);
      let { faults } = flat;
      // Without the tags of layouts, but with the lines and columns that the author knows.
      if (faults.length === 0)
        faults = await rendering.check(
          caller,
          flat.isChanged ? mapHtml(whole, blankInclusions).content : whole,
        );
      if (faults.length === 0 && flat.isChanged)
        faults = await rendering.check(caller, flat.content);
      if (faults.length > 0)
        return {
          kind: "faulty",
          errors: faults.map(({ path, ...fault }) => ({
            in: "body",
            field: jsonPointer(["content", ...pathInContent(content, path)]),
            ...fault,
          })),
        };
      const id = await keepInlineContent(execute, {
        id: newUuid(now),
        hash: hashOf(flat.content),
        content: flat.content,
        now,
      });
      // A layout may change, so that a content which includes one is looked at each time.
      if (!flat.isChanged) {
        known.delete(sent);
        known.set(sent, { id, untilMs: now.getTime() + knownForMs });
        if (known.size > mostKnown) known.delete(known.keys().next().value!);
      }
      return { kind: "content", id };
    },
    forget(content) {
      known.delete(hashOf(content));
    },
  };
}

const hashOf = (content: object) =>
  createHash("sha256").update(canonicalJson(content)).digest("hex");

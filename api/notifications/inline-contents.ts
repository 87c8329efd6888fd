import { createHash } from "node:crypto";
import { hourMs } from "../../domain/time/durations.ts";
import { newUuid } from "../../domain/ids.ts";
import { expandContent, type InlineContent, pathInContent } from "../../domain/inline-content.ts";
import type { TemplateContent } from "../../domain/templates/content.ts";
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
const knownForMs = hourMs;
const mostKnown = 500;

/** The checked content of a notification, or the reasons why it cannot be used. */
type CheckedContent =
  | {
      kind: "checked";
      content: TemplateContent;
      /** Whether the content includes layouts, which may change. */
      hasLayouts: boolean;
    }
  | Extract<StoredContent, { kind: "faulty" }>;

/** Checks and stores the contents of notifications without a template, each once. An API process has one instance. */
export interface InlineContents {
  /** Checks a content and includes its layouts. Must not run within a transaction: it may wait for the rendering thread. */
  check(caller: Caller, content: InlineContent): Promise<CheckedContent>;
  /** Checks and stores a content, unless an equal one is stored. Must not run within a transaction either. */
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

  async function check(caller: Caller, content: InlineContent): Promise<CheckedContent> {
    const whole = expandContent(content);
    const flat = await flattenContent(prisma, whole);
    let { faults } = flat;
    // Without the tags of layouts, but with the lines and columns that the author knows.
    if (faults.length === 0)
      faults = await rendering.check(
        caller,
        flat.isChanged ? mapHtml(whole, blankInclusions).content : whole,
      );
    if (faults.length === 0 && flat.isChanged) faults = await rendering.check(caller, flat.content);
    return faults.length === 0
      ? { kind: "checked", content: flat.content, hasLayouts: flat.isChanged }
      : {
          kind: "faulty",
          errors: faults.map(({ path, ...fault }) => ({
            in: "body",
            field: jsonPointer(["content", ...pathInContent(content, path)]),
            ...fault,
          })),
        };
  }

  return {
    check,
    async store(caller, sent, now) {
      const name = hashOf(sent);
      const kept = known.get(name);
      if (kept && kept.untilMs > now.getTime()) return { kind: "content", id: kept.id };
      const checked = await check(caller, sent);
      if (checked.kind === "faulty") return checked;
      const { content, hasLayouts } = checked;
      const id = await keepInlineContent(execute, {
        id: newUuid(now),
        hash: hashOf(content),
        content,
        now,
      });
      // A content that includes layouts is looked at each time.
      if (!hasLayouts) {
        known.delete(name);
        known.set(name, { id, untilMs: now.getTime() + knownForMs });
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

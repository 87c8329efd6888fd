import {
  digestModes,
  type PreferencePath,
  preferenceRanges,
} from "../../domain/policy/preferences.ts";
import { priorities } from "../../domain/priority.ts";
import { contentChannels } from "../../domain/templates/content-parts.ts";
import { weekdays } from "../../domain/time/local-time.ts";
import type { Centre } from "./centre.ts";
import { type Form, readOne, type ReadForm } from "./form.ts";
import { fill } from "./words/words.ts";

/** How the value at a path is chosen. */
export type Field = { path: PreferencePath } & (
  | { kind: "switch" }
  | { kind: "time" }
  | { kind: "number"; minimum: number; maximum: number }
  | { kind: "choice"; values: readonly string[] }
);

const numberAt = (path: keyof typeof preferenceRanges): Field => ({
  path,
  kind: "number",
  ...preferenceRanges[path],
});

/** The sections whose fields are single values. */
export const fieldSections = {
  channels: contentChannels.map((channel) => ({ path: `channels.${channel}`, kind: "switch" })),
  often: [
    { path: "digest.mode", kind: "choice", values: digestModes },
    { path: "digest.time", kind: "time" },
    { path: "digest.weekday", kind: "choice", values: weekdays },
    { path: "batching.enabled", kind: "switch" },
    numberAt("batching.maximumSize"),
    numberAt("batching.windowMinutes"),
    numberAt("maxPerHour"),
    { path: "minimumPriority", kind: "choice", values: [...priorities].toReversed() },
  ],
  smart: [
    { path: "intelligentTiming", kind: "switch" },
    { path: "learning", kind: "switch" },
  ],
} as const satisfies Record<string, readonly Field[]>;

export type FieldSection = keyof typeof fieldSections;

/** Puts a value at a path of a merge patch. */
export function setAt(patch: Record<string, unknown>, path: string, value: unknown): void {
  const keys = path.split(".");
  const last = keys.pop()!;
  let inner = patch;
  for (const key of keys) inner = (inner[key] ??= {}) as Record<string, unknown>;
  inner[last] = value;
}

/**
 * Reads the fields of a section. A value becomes the recipient's own only if it differs from the one in force, so that saving a section leaves
 * the other values to the organisation.
 */
export function readFields(section: FieldSection, form: Form, { answer, words }: Centre): ReadForm {
  const patch: ReadForm["patch"] = {};
  const faults: ReadForm["faults"] = new Map();
  for (const field of fieldSections[section] as readonly Field[]) {
    const { path } = field;
    const read = readField(field, readOne(form, path));
    if (read === undefined)
      faults.set(
        path,
        field.kind === "number"
          ? fill(words.wrongNumber, field)
          : field.kind === "time"
            ? words.wrongTime
            : words.wrongChoice,
      );
    else if (read !== answer.effective[path].value) setAt(patch, path, read);
  }
  return { patch, faults };
}

/** Undefined for a value that is not allowed. */
function readField(field: Field, given: string | undefined): boolean | number | string | undefined {
  switch (field.kind) {
    case "switch":
      return given !== undefined;
    case "time":
      return /^\d\d:(?:00|15|30|45)$/.test(given ?? "") ? given : undefined;
    case "choice":
      return given !== undefined && field.values.includes(given) ? given : undefined;
    case "number": {
      const number = /^\d{1,6}$/.test(given ?? "") ? Number(given) : Number.NaN;
      return number >= field.minimum && number <= field.maximum ? number : undefined;
    }
  }
}

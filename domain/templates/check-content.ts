import type { TemplateContent } from "./content.ts";
import { contentChannels, type ContentParts } from "./content-parts.ts";
import { checkUrl, compileField } from "./fields.ts";
import { findZoneFault } from "./liquid-dates.ts";
import { attempt, type Fault, TemplateError } from "./template-error.ts";
import { refuseDeepNesting } from "./text-part/nesting.ts";

/** Fields that render to an address of the web. */
const addresses: ReadonlySet<PropertyKey> = new Set(["url", "icon", "image", "badge"]);

/** Fields that are no templates. */
const plainFields: ReadonlySet<string> = new Set(["fromName", "fromAddress", "replyTo"]);

/** Lists every template of a content that cannot be parsed, with the line. Empty for content that can be accepted. */
export function checkContent(content: TemplateContent): Fault[] {
  return [
    ...checkChannels(content, []),
    ...Object.entries(content.locales ?? {}).flatMap(([locale, parts]) =>
      checkChannels(parts, ["locales", locale]),
    ),
  ];
}

const checkChannels = (content: ContentParts, path: readonly PropertyKey[]): Fault[] =>
  contentChannels.flatMap((channel) => {
    const fields = content[channel];
    return fields === undefined ? [] : [...checkFields(fields, [...path, channel], [])];
  });

/** Checks each text in an object; `path` leads to it, and `name` are the keys below its channel. */
function* checkFields(
  fields: object,
  path: readonly PropertyKey[],
  name: readonly PropertyKey[],
): Generator<Fault> {
  for (const [key, value] of Object.entries(fields) as [string, unknown][]) {
    if (plainFields.has(key)) continue;
    const at = [...path, key];
    const named = [...name, key];
    if (typeof value === "string") yield* checkField(value, at, named.join("."));
    else if (typeof value === "object" && value !== null) yield* checkFields(value, at, named);
  }
  if ("html" in fields && !("text" in fields)) yield* checkNesting(fields.html as string, path);
}

function* checkField(template: string, path: PropertyKey[], name: string): Generator<Fault> {
  const key = path.at(-1)!;
  yield* faultsOf(path, () => {
    const { liquid, pieces } = compileField(name, template, key === "html");
    const fault = findZoneFault(template, liquid);
    if (fault !== null) throw new TemplateError(name, fault);
    if (addresses.has(key) && pieces.every((piece) => typeof piece === "string"))
      checkUrl(name, pieces.join(""));
  });
}

const nestingHint = "cannot be made from html, so it must be given; ";

function* checkNesting(html: string, path: readonly PropertyKey[]): Generator<Fault> {
  const [fault] = faultsOf([...path, "text"], () => attempt("text", () => refuseDeepNesting(html)));
  if (fault) yield { ...fault, message: nestingHint + fault.message };
}

function faultsOf(path: PropertyKey[], work: () => void): Fault[] {
  try {
    work();
    return [];
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return [{ path, message: error.message, ...error.position }];
  }
}

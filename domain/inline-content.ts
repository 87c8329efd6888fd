import { z } from "zod";
import { type TemplateContent, templateContent } from "./templates/content.ts";
import { body, title, url } from "./templates/content-parts.ts";

/** The longest content of a notification, in characters of its JSON. */
const contentLimit = 262_144;

/** The fields of the short form, from which the content of each channel is made. */
const shortForm = {
  subject: title.optional().meta({ description: "Liquid; the same as `title`" }),
  title: title.optional(),
  body: body.optional(),
  url: url.optional(),
};

/** The content of a notification that uses no template. */
export const inlineContent = z
  .strictObject({ ...templateContent.shape, ...shortForm })
  .superRefine((content, context) => {
    const fault = (field: string, message: string) =>
      context.addIssue({ code: "custom", path: [field], message });
    if (JSON.stringify(content).length > contentLimit)
      context.addIssue({
        code: "custom",
        message: `must have at most ${contentLimit} characters as JSON: save longer content as a template`,
      });
    if (!isShort(content)) {
      for (const issue of templateContent.safeParse(content).error?.issues ?? [])
        context.addIssue({ ...issue, code: "custom" });
      return;
    }
    for (const channel of Object.keys(templateContent.shape))
      if (channel in content)
        fault(channel, "cannot be combined with `subject`, `title`, `body` or `url`");
    if (content.subject !== undefined && content.title !== undefined)
      fault("title", "cannot be combined with `subject`: remove one of them");
    if (content.subject === undefined && content.title === undefined)
      fault("title", "is required, or else `subject`");
    if (content.body === undefined) fault("body", "is required: a string");
  })
  .meta({
    description:
      "The message, in place of a template: either content by channel as in a template, or `subject` or `title` with `body` and optionally `url`, from which the content of each channel is made. All texts are Liquid",
    example: { subject: "Order {{ order }}", body: "Order {{ order }} is on its way." },
  });

export type InlineContent = z.output<typeof inlineContent>;

const isShort = (content: InlineContent): boolean =>
  Object.keys(shortForm).some((field) => field in content);

/** Makes the content of a template from the content of a notification, which was checked. */
export function expandContent(content: InlineContent): TemplateContent {
  if (!isShort(content)) return content;
  const { subject, title: heading = subject, body: text, url: link } = content;
  return { in_app: { title: heading!, body: text!, ...(link !== undefined && { url: link }) } };
}

/** Finds the path in the content of a notification for a path in its expanded content. */
export function pathInContent(
  content: InlineContent,
  path: readonly PropertyKey[],
): readonly PropertyKey[] {
  if (!isShort(content)) return path;
  // The first part is the channel.
  const [field, ...rest] = path.slice(1);
  if (field === undefined) return [];
  return [field === "title" && content.title === undefined ? "subject" : field, ...rest];
}

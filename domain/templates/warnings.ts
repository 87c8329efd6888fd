/** Gmail shows this many bytes of an HTML part, in UTF-8, and hides the rest behind a link. */
const clippedBytes = 102 * 1024;

export const warningCodes = ["html_clipped"] as const;

/** Something in a template that is accepted, but that its author should know about. */
export interface TemplateWarning {
  code: (typeof warningCodes)[number];
  message: string;
}

/** Warns about an HTML part. With `isTemplate`, it is a template whose messages may be longer or shorter. */
export function htmlWarnings(
  html: string,
  { isTemplate }: { isTemplate: boolean },
): TemplateWarning[] {
  const bytes = Buffer.byteLength(html);
  if (bytes <= clippedBytes) return [];
  const subject = isTemplate ? "The HTML of the template" : "The HTML part";
  return [
    {
      code: "html_clipped",
      message: `${subject} has ${bytes} bytes. Gmail clips messages whose HTML has more than ${clippedBytes} bytes (102 KB): the rest, such as an unsubscribe link, is not shown.`,
    },
  ];
}

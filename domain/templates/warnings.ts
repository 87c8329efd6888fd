/** Gmail shows as much of an HTML part, in bytes of UTF-8, and hides the rest behind a link. */
const clippedBytes = 102 * 1024;

export const warningCodes = ["html_clipped"] as const;

/** What a template may have, and its author should know. */
export interface TemplateWarning {
  code: (typeof warningCodes)[number];
  message: string;
}

/** What to know of an HTML part; of a template, where `isTemplate`: what is in it once it is filled may be more or less. */
export function htmlWarnings(
  html: string,
  { isTemplate }: { isTemplate: boolean },
): TemplateWarning[] {
  const bytes = Buffer.byteLength(html);
  if (bytes <= clippedBytes) return [];
  const subject = isTemplate ? "The HTML, as it is written here," : "The HTML part";
  return [
    {
      code: "html_clipped",
      message: `${subject} has ${bytes} bytes. Gmail clips messages whose HTML has more than ${clippedBytes} bytes (102 KB): what comes after them, such as a link to unsubscribe, is not shown.`,
    },
  ];
}

import type { ContentChannel } from "./content-parts.ts";

/** Gmail shows this many bytes of an HTML part, in UTF-8, and hides the rest behind a link. */
const clippedBytes = 102 * 1024;

/** About as many characters of a subject as mail programs show on a wide screen. Phones show about 40. */
const shownSubject = 70;

/** About as many characters as each platform shows of a push notification. */
const shownPush = {
  android: { name: "Android", title: 65, body: 240 },
  ios: { name: "iOS", title: 50, body: 178 },
  windows: { name: "Windows", title: 57, body: 126 },
  macos: { name: "macOS", title: 43, body: 88 },
} as const;

type Platform = keyof typeof shownPush;
const platforms = Object.keys(shownPush) as Platform[];

/** Programs and platforms to which the warnings of a preview can be limited. */
export const previewClients = ["gmail", "android", "ios", "windows", "macos"] as const;
export type PreviewClient = (typeof previewClients)[number];

export const warningCodes = ["html_clipped", "subject_long", "title_long", "body_long"] as const;

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

/** A warning about a field of a rendered message. */
export type FieldWarning = TemplateWarning & { field: string };

/** Warns about a rendered message: what its recipient would not see in a client, or in any of the known ones. */
export function messageWarnings(
  channel: ContentChannel,
  message: { subject?: string; html?: string; title?: string; body?: string },
  client?: PreviewClient,
): FieldWarning[] {
  const at = (field: string, found: readonly TemplateWarning[]) =>
    found.map((warning) => ({ ...warning, field }));
  if (channel === "email" && (client === undefined || client === "gmail"))
    return [
      ...at("subject", subjectWarnings(message.subject ?? "")),
      ...at("html", htmlWarnings(message.html ?? "", { isTemplate: false })),
    ];
  if (channel !== "push") return [];
  return (["title", "body"] as const).flatMap((field) =>
    at(field, pushWarnings(field, message[field] ?? "", client)),
  );
}

function subjectWarnings(subject: string): TemplateWarning[] {
  const length = countShown(subject);
  if (length <= shownSubject) return [];
  return [
    {
      code: "subject_long",
      message: `The subject has ${length} characters. Mail programs show about ${shownSubject} of them, and on phones about 40.`,
    },
  ];
}

function pushWarnings(
  field: "title" | "body",
  text: string,
  client: PreviewClient | undefined,
): TemplateWarning[] {
  const length = countShown(text);
  const cutting = platforms.filter(
    (platform) =>
      (client === undefined || client === platform) && length > shownPush[platform][field],
  );
  if (cutting.length === 0) return [];
  const shown = cutting.map((platform, index) => {
    const { name, [field]: characters } = shownPush[platform];
    return `${characters} ${index === 0 ? "are shown " : ""}on ${name}`;
  });
  return [
    {
      code: `${field}_long`,
      message: `The ${field} has ${length} characters. About ${shown.join(", ")}.`,
    },
  ];
}

const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

/** Counts characters as readers see them. */
const countShown = (text: string): number => [...segmenter.segment(text)].length;

import { z } from "zod";
import { parsePublicId } from "./ids.ts";
import { nameText } from "./text.ts";

const maxAttachments = 10;

/** The size of all attachments of a message together, in bytes, before they are encoded for it. */
export const maxAttachmentBytes = 10 * 1_024 * 1_024;

const mebibytes = maxAttachmentBytes / (1_024 * 1_024);

/** A message about attachments that are larger than allowed. */
export const tooLargeAttachments = `must have at most ${mebibytes} MiB in all`;

/** A media type without parameters other than the character set of UTF-8 (RFC 6838, section 4.2). */
const mediaType = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/;
const withCharset = /^(text\/[^;]+?)\s*;\s*charset="?utf-8"?$/;

/** Types whose parts a mail program would read as messages of their own, or as the structure of this one. */
const structural = /^(?:multipart|message)\//;

const contentType = z
  .string()
  .max(255, "must have at most 255 characters")
  .toLowerCase()
  .transform((type) => type.replace(withCharset, "$1; charset=utf-8"))
  .refine(
    (type) => mediaType.test(type.replace(/^(text\/.*); charset=utf-8$/, "$1")),
    "must be a media type, such as application/pdf",
  )
  .refine((type) => !structural.test(type), "must not be multipart/* or message/*")
  .meta({
    description: "The media type; `text/*` may have the parameter `charset=utf-8`",
    example: "application/pdf",
  });

/** The length of base64 for a number of bytes. */
export const encodedLength = (bytes: number): number => Math.ceil(bytes / 3) * 4;

/** The number of bytes that a text in base64 stands for. */
const decodedLength = (base64: string): number =>
  (base64.length / 4) * 3 - (base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0);

const base64 = z
  .string()
  .min(1, "must not be empty")
  .max(encodedLength(maxAttachmentBytes), tooLargeAttachments)
  .refine(
    (text) => text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text),
    "must be base64 with padding and without line breaks (RFC 4648, section 4)",
  )
  .refine((text) => decodedLength(text) <= maxAttachmentBytes, tooLargeAttachments)
  .meta({ description: "The content in base64", example: "SGVsbG8=" });

/** A file to attach. Its name is shown to the recipient. */
export const newAttachment = z.strictObject({
  filename: nameText(200)
    .refine((name) => !/[/\\]/.test(name), "must not contain / or \\")
    .meta({ description: "The name of the file, without a folder", example: "invoice-17.pdf" }),
  contentType,
  content: base64,
});

export type NewAttachment = z.output<typeof newAttachment>;

/** What is known of a file besides its content. */
export type AttachmentDescription = Pick<NewAttachment, "filename" | "contentType">;

const storedAttachment = z.strictObject({
  id: z
    .string()
    .refine(
      (id) => parsePublicId("attachment", id) !== null,
      "must be the id of an attachment, att_…",
    )
    .meta({ description: "The id of an attachment from POST /v1/attachments" }),
});

/** The attachments of a campaign's emails: stored files. */
export const storedAttachments = z
  .array(storedAttachment)
  .max(maxAttachments, `must have at most ${maxAttachments} attachments`)
  .meta({
    description: `Files for the emails from POST /v1/attachments, at most ${maxAttachments} of at most ${mebibytes} MiB in all. All recipients get the same files. With attachments, the messages are never batched or digested`,
    example: [],
  });

export type StoredAttachments = z.output<typeof storedAttachments>;

/** The attachments of a notification's email: new files, and stored ones by their ids. */
export const attachments = z
  .array(z.union([newAttachment, storedAttachment]))
  .max(maxAttachments, `must have at most ${maxAttachments} attachments`)
  .refine(
    (files) =>
      files.reduce((sum, file) => sum + ("content" in file ? decodedLength(file.content) : 0), 0) <=
      maxAttachmentBytes,
    tooLargeAttachments,
  )
  .meta({
    description: `Files for the email, at most ${maxAttachments} of at most ${mebibytes} MiB in all: new ones with their content, and those of POST /v1/attachments by id. The message is never batched or digested`,
    example: [{ filename: "hello.txt", contentType: "text/plain", content: "SGVsbG8=" }],
  });

export type Attachments = z.output<typeof attachments>;

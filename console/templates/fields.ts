import type { Language } from "../editor/languages.ts";

/** Channels that templates have content for. */
export const contentChannels = ["email", "push", "in_app"] as const;
export type ContentChannel = (typeof contentChannels)[number];

/** A field of a channel that is a text. */
export interface TextField {
  name: string;
  label: string;
  language: Language;
  size: "line" | "short" | "tall";
  isRequired?: boolean;
  hint?: string;
}

const line = (name: string, label: string, more: Partial<TextField> = {}): TextField => ({
  name,
  label,
  language: "text",
  size: "line",
  ...more,
});
const title = line("title", "Title", { isRequired: true });
const body: TextField = {
  name: "body",
  label: "Body",
  language: "text",
  size: "short",
  isRequired: true,
};
const url = line("url", "Link", { hint: "An http or https address, or nothing" });

/** The texts of each channel, in the order in which they are edited. */
export const textFields: Record<ContentChannel, readonly TextField[]> = {
  email: [
    line("subject", "Subject", { isRequired: true }),
    { name: "html", label: "HTML", language: "html", size: "tall", isRequired: true },
    {
      name: "text",
      label: "Text",
      language: "text",
      size: "short",
      hint: "Made from the HTML while it is empty",
    },
  ],
  push: [
    title,
    body,
    url,
    line("icon", "Icon"),
    line("image", "Image"),
    line("badge", "Badge"),
    line("tag", "Tag", { hint: "A notification replaces an earlier one with the same tag" }),
  ],
  in_app: [
    title,
    body,
    url,
    line("category", "Category", { hint: "By which recipients filter their inbox" }),
  ],
};

/** Where a message of an email comes from. These are no Liquid, and the same in every locale. */
export const senderFields = [
  { name: "fromName", label: "Sender’s name", hint: "Example Shop" },
  { name: "fromAddress", label: "Sender’s address", hint: "orders@example.org" },
  { name: "replyTo", label: "Answers go to", hint: "help@example.org" },
] as const;

/** What can be switched on for a push notification. */
export const pushSwitches = [
  { name: "requireInteraction", label: "Stays until the recipient reacts" },
  { name: "silent", label: "Without sound and vibration" },
] as const;

/** What a channel without content of its own is made from. */
export const derivedFrom: Record<ContentChannel, readonly ContentChannel[]> = {
  email: ["in_app", "push"],
  push: ["in_app", "email"],
  in_app: ["push", "email"],
};

import { createHash } from "node:crypto";
import type { RecipientAction } from "../../domain/action.ts";
import type { ActionOutcome } from "./perform.ts";

/** A page for a recipient who followed a link. It reveals nothing about the recipient or the message, and needs no script. */
interface Page {
  title: string;
  text: string;
  /** The text of a button that requests the same address by POST. */
  button?: string;
}

const style =
  "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:30rem;margin:20vh auto;padding:0 1rem;text-align:center}button{font:inherit;padding:.5em 1.5em}";

/** The Content-Security-Policy of a page: it allows only the page’s own style, and its form to be sent to the same server. */
const policy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'`,
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** Headers of every answer to a link. The link is a secret of its recipient, so nothing may store it or pass it on. */
export const linkHeaders = {
  "Cache-Control": "no-store",
  "Referrer-Policy": "no-referrer",
  "X-Robots-Tag": "noindex",
} as const;

export const pageHeaders = {
  ...linkHeaders,
  "Content-Type": "text/html; charset=utf-8",
  "Content-Security-Policy": policy,
  "X-Content-Type-Options": "nosniff",
} as const;

export function renderPage({ title, text, button }: Page): string {
  const form =
    button === undefined
      ? ""
      : `<form method="post"><button type="submit">${escapeHtml(button)}</button></form>\n`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(text)}</p>
${form}</body>
</html>
`;
}

/** Makes the page that asks for confirmation. Programs that check links follow them but press no buttons, so they perform no action. */
export function toQuestionPage(action: Exclude<RecipientAction, { action: "view" }>): Page {
  return action.action === "snooze"
    ? {
        title: "Remind me later",
        text: `You will receive this message again in ${formatDuration(action.minutes)}.`,
        button: "Remind me later",
      }
    : {
        title: "Mark as done",
        text: "You will not receive this message again.",
        button: "Mark as done",
      };
}

/** Makes the page that confirms what was done. */
export function toConfirmationPage({ action, deliveries }: ActionOutcome): Page {
  const isSingle = deliveries === 1;
  return action === "snooze"
    ? {
        title: "Reminder set",
        text: `You will receive ${isSingle ? "this message" : `all ${deliveries} messages`} again later. You can close this page.`,
      }
    : {
        title: "Done",
        text: `${isSingle ? "This message is" : `All ${deliveries} messages are`} marked as done. You can close this page.`,
      };
}

/** Formats a duration as a whole number of the largest possible unit. */
function formatDuration(minutes: number): string {
  const units = [
    [1_440, "day"],
    [60, "hour"],
    [1, "minute"],
  ] as const;
  const [size, unit] = units.find(([each]) => minutes % each === 0)!;
  const count = minutes / size;
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

const escapeHtml = (text: string) =>
  text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");

import { createHash } from "node:crypto";
import type { RecipientAction } from "../../domain/action.ts";
import type { ActionOutcome } from "./perform.ts";

/** A page for a recipient who followed a link. It reveals nothing about them or the message, and needs no script. */
interface Page {
  title: string;
  text: string;
  /** The text of a button that requests the same address by POST. */
  button?: string;
}

const style =
  "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:30rem;margin:20vh auto;padding:0 1rem;text-align:center}button{font:inherit;padding:.5em 1.5em}";

/** Allows nothing but the page itself: its style, and its form back to where it came from. */
const policy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'`,
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** Headers of every answer to a link, which is a secret of its recipient. */
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

/** The page that asks before the action is done: programs that check links follow them, and press no buttons. */
export function toQuestionPage(action: Exclude<RecipientAction, { action: "view" }>): Page {
  return action.action === "snooze"
    ? {
        title: "Remind me later",
        text: `It comes again in ${formatDuration(action.minutes)}.`,
        button: "Remind me later",
      }
    : {
        title: "Done",
        text: "It is marked as done, and does not come again.",
        button: "Mark as done",
      };
}

export function toConfirmationPage({ action, deliveries }: ActionOutcome): Page {
  const one = deliveries === 1;
  return action === "snooze"
    ? {
        title: "Put off",
        text: `${one ? "It comes" : `All ${deliveries} come`} again later. You can close this page.`,
      }
    : {
        title: "Done",
        text: `${one ? "It is" : `All ${deliveries} are`} marked as done. You can close this page.`,
      };
}

/** Formats a duration in the largest unit that leaves nothing over. */
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

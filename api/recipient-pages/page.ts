import { createHash } from "node:crypto";

/** A page for a recipient who followed a link. It needs no script, and reveals nothing about the recipient. */
export interface Page {
  /** The code of the language of its texts. */
  lang: string;
  title: string;
  texts: readonly string[];
  buttons: readonly PageButton[];
}

/** A button that sends a POST. */
export interface PageButton {
  text: string;
  /** The query of the POST, which goes to the address of the page. */
  query?: string;
  /** Whether it is not what most come for, and is shown so. */
  isSecondary?: boolean;
}

const style =
  ":root{color-scheme:light dark}body{font:1.1rem/1.5 system-ui,sans-serif;max-width:30rem;margin:20vh auto;padding:0 1rem;text-align:center}h1{font-size:1.6rem}button{font:inherit;min-height:2.75rem;padding:.5em 1.5em;margin:.25rem}.secondary{background:none;border:0;color:inherit;text-decoration:underline}.fields{text-align:start}.fields label{display:block;margin:1rem 0 .25rem}.fields input:not([type=checkbox]){font:inherit;box-sizing:border-box;width:100%;min-height:2.75rem;padding:.25em .5em}.fields .choice{display:flex;align-items:center;gap:.5rem;min-height:2.75rem;margin:0}.choice input{width:1.25rem;height:1.25rem}.fields button{width:100%;margin:1.5rem 0 0}.away{position:absolute;left:-999rem}[role=alert]{font-weight:600}";

/** The Content-Security-Policy of a page: it allows only the page’s own style, and its forms to be sent to the same server. */
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

export const renderPage = ({ texts, buttons, ...page }: Page): string =>
  renderShell(
    page,
    texts.map((text) => `<p>${escapeHtml(text)}</p>\n`).join("") +
      buttons.map(renderButton).join(""),
  );

/** Renders a page around HTML in which everything is escaped. */
export function renderShell({ lang, title }: Pick<Page, "lang" | "title">, html: string): string {
  return `<!doctype html>
<html lang="${lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
${html}</body>
</html>
`;
}

const renderButton = ({ text, query, isSecondary }: PageButton): string =>
  `<form method="post"${query === undefined ? "" : ` action="?${query}"`}><button type="submit"${isSecondary ? ' class="secondary"' : ""}>${escapeHtml(text)}</button></form>\n`;

export const escapeHtml = (text: string) =>
  text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");

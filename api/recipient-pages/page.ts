import { createHash } from "node:crypto";
import { raw } from "hono/html";
import type { Brand } from "./brand.ts";
import { type Html, html } from "./html.ts";
import { styleOf } from "./style.ts";

/** A page for a recipient who followed a link. It needs no script. */
export interface Page {
  /** The code of the language of its texts. */
  lang: string;
  title: string;
  texts: readonly string[];
  buttons: readonly PageButton[];
  /** What follows the texts and buttons. */
  content?: Html;
  /** Whether the page is short, and is centred. By default a page without content is. */
  isShort?: boolean;
  /** The way from the address of the page to that of the API: `../` by default, for `/u/{token}`. */
  root?: string;
  /** The name of a script that the page can do without (api/recipient-pages/asset-routes.ts). */
  script?: string;
}

/** A button that sends a POST. */
export interface PageButton {
  text: string;
  /** The query of the POST, which goes to the address of the page. */
  query?: string;
  /** Whether it is not what most come for, and is shown so. */
  isSecondary?: boolean;
}

/** Headers of every answer to a link. The link is a secret of its recipient, so nothing may store it or pass it on. */
export const linkHeaders = {
  "Cache-Control": "no-store",
  "Referrer-Policy": "no-referrer",
  "X-Robots-Tag": "noindex",
} as const;

/** The pages of recipients, in the style of the organisation. */
export interface RecipientPages {
  headers: Readonly<Record<string, string>>;
  render(page: Page): string;
}

export function createRecipientPages(brand: Brand): RecipientPages {
  const style = styleOf(brand.color);
  // A page may have only its own style, the scripts and the logo of the API, and forms that are sent to it.
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'`,
    "img-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
  return {
    headers: {
      ...linkHeaders,
      "Content-Type": "text/html; charset=utf-8",
      "Content-Security-Policy": policy,
      "X-Content-Type-Options": "nosniff",
    },
    render: (page) => String(renderPage(page, brand, style)),
  };
}

const renderPage = (
  {
    lang,
    title,
    texts,
    buttons,
    content,
    isShort = content === undefined,
    root = "../",
    script,
  }: Page,
  brand: Brand,
  style: string,
): Html =>
  html`<!doctype html>
<html lang="${lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title} · ${brand.name}</title>
<style>${raw(style)}</style>
${script !== undefined && html`<script type="module" src="${root}pages/${script}"></script>`}
</head>
<body${isShort && raw(' class="short"')}>
<header class="brand"><div>${brand.logo ? html`<img src="${root}pages/logo" alt="${brand.name}" />` : brand.name}</div></header>
<main>
<h1>${title}</h1>
${texts.map((text) => html`<p>${text}</p> `)}${buttons.length > 0 && html`<div class="row">${buttons.map(renderButton)}</div>`}
${content}
</main>
${renderImprint(brand)}
</body>
</html>
`;

const renderImprint = ({ name, imprint, imprintUrl }: Brand) =>
  (imprint !== null || imprintUrl !== null) &&
  html`<footer>
    ${imprint ?? name}${
      imprintUrl !== null &&
      html` <a href="${imprintUrl}" rel="noreferrer">${new URL(imprintUrl).host}</a>`
    }
  </footer>`;

const renderButton = ({ text, query, isSecondary }: PageButton): Html =>
  html`<form method="post" ${query !== undefined && html` action="?${query}"`}>
    <button type="submit" ${isSecondary && raw(' class="secondary"')}>${text}</button>
  </form>`;

import { html } from "../recipient-pages/html.ts";
import type { Page } from "../recipient-pages/page.ts";
import { allCard, aheadCard, oftenCard, pauseCard, smartCard } from "./sections/rest.ts";
import { whatCard } from "./sections/what.ts";
import { whenCard } from "./sections/when.ts";
import type { Shown } from "./shown.ts";
import { type CentreWords, fill } from "./words/words.ts";

/** Makes the page of the preference centre, in the order of what people come for. */
export const toCentrePage = (shown: Shown): Page => ({
  lang: shown.centre.words.lang,
  title: shown.centre.words.title,
  texts: [fill(shown.centre.words.intro, { org: shown.centre.org })],
  buttons: [],
  content: html`${whatCard(shown)}${pauseCard(shown)}${whenCard(shown)}${oftenCard(shown)}${smartCard(shown)}${aheadCard(shown)}${allCard(shown)}`,
  script: "week-grid.js",
});

/** Makes the page that asks whether everything is to be erased. */
export const toErasurePage = (token: string, org: string, words: CentreWords): Page => ({
  lang: words.lang,
  title: words.eraseTitle,
  texts: [fill(words.eraseText, { org })],
  buttons: [],
  content: html`<form method="post">
    <div class="row">
      <button type="submit" class="danger">${words.eraseConfirm}</button
      ><a class="button secondary" href="../${token}">${words.eraseBack}</a>
    </div>
  </form>`,
  isShort: true,
  root: "../../",
});

export const toErasedPage = (words: CentreWords, root: string): Page => ({
  lang: words.lang,
  title: words.erasedTitle,
  texts: [words.erasedText],
  buttons: [],
  root,
});

/** Makes the page on which somebody asks for a link to their preferences. `root` is the way to the address of the API, and `reason` says why a new link is needed. */
export const toLinkPage = (
  words: CentreWords,
  root: string,
  { reason, fault, email = "" }: { reason?: string; fault?: string; email?: string } = {},
): Page => ({
  lang: words.lang,
  title: words.linkTitle,
  texts: [...(reason === undefined ? [] : [reason]), words.linkText],
  buttons: [],
  content: html`<form method="post" action="${root}p" class="card">
    <div class="item">
      <label for="email">${words.linkEmail}</label>
      <input
        id="email"
        name="email"
        type="email"
        autocomplete="email"
        required
        maxlength="254"
        value="${email}"
        ${fault !== undefined && html` aria-invalid="true" aria-describedby="fault"`}
      />
      ${fault !== undefined && html`<p class="error" id="fault" role="alert">${fault}</p>`}
    </div>
    <div class="row"><button type="submit">${words.linkSend}</button></div>
  </form>`,
  root,
});

/** Makes the page that answers anybody who asked for a link, whether their address is known or not. */
export const toLinkSentPage = (words: CentreWords): Page => ({
  lang: words.lang,
  title: words.linkSentTitle,
  texts: [words.linkSentText],
  buttons: [],
  root: "",
});

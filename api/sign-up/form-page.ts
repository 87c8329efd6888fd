import { type Html, html } from "../recipient-pages/html.ts";
import type { Page } from "../recipient-pages/page.ts";
import type { SignUpWords } from "./words.ts";

/** The form by which strangers sign up. It needs no script. */
export interface FormPage {
  words: SignUpWords;
  /** The topics on offer, with their names in the language of the page, and whether each is chosen. */
  topics: readonly { key: string; name: string; isChosen: boolean }[];
  /** The token that says when the page was made. */
  form: string;
  /** What was entered before, and what is wrong with it. */
  entered?: { email: string; name: string; fault: string; isOfEmail: boolean };
}

export function toFormPage({ words, topics, form, entered }: FormPage): Page {
  const [only] = topics;
  const asks =
    topics.length === 1 ? words.asks.replace("{topics}", () => only!.name) : words.asksSeveral;
  const isFaulty = entered?.isOfEmail === true;
  const content = html`${entered && !isFaulty && html`<div role="alert" class="note warn"><p>${entered.fault}</p></div>`}
    <form method="post" class="card">
      ${topics.length === 1 ? html`<input type="hidden" name="topic" value="${only!.key}" />` : html`<div class="choices">${topics.map(renderChoice)}</div>`}
      <div class="item">
        <label for="email">${words.email}</label>
        <input
          id="email"
          name="email"
          type="email"
          required
          maxlength="254"
          autocomplete="email"
          value="${entered?.email ?? ""}"
          ${isFaulty && html` aria-invalid="true" aria-describedby="fault"`}
        />
        ${isFaulty && html`<p class="error" id="fault" role="alert">${entered.fault}</p>`}
      </div>
      <div class="item">
        <label for="name">${words.name}</label>
        <input
          id="name"
          name="name"
          type="text"
          maxlength="100"
          autocomplete="name"
          value="${entered?.name ?? ""}"
        />
      </div>
      <div class="away" aria-hidden="true">
        <label>${words.empty} <input name="website" tabindex="-1" autocomplete="off" /></label>
      </div>
      <input type="hidden" name="form" value="${form}" />
      <div class="row"><button type="submit">${words.send}</button></div>
    </form>
    <p class="soft">${words.privacy}</p>`;
  return {
    lang: words.lang,
    title: words.title,
    texts: [asks],
    buttons: [],
    content,
  };
}

const renderChoice = ({ key, name, isChosen }: FormPage["topics"][number]): Html =>
  html`<div>
    <label class="check"
      ><input type="checkbox" name="topic" value="${key}" ${isChosen && html`checked`} />
      ${name}</label
    >
  </div>`;

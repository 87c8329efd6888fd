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
  entered?: { email: string; name: string; fault: string };
}

export function toFormPage({ words, topics, form, entered }: FormPage): Page {
  const names = topics.map(({ name }) => name).join(", ");
  const content = html`${entered && html`<p role="alert" class="error">${entered.fault}</p>`}
    <form method="post" class="card">
      ${topics.length === 1 ? html`<input type="hidden" name="topic" value="${topics[0]!.key}" />` : topics.map(renderChoice)}
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
          ${entered && html`aria-invalid="true"`}
        />
      </div>
      <div class="item">
        <label for="name">${words.name}</label>
        <input
          id="name"
          name="name"
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
    texts: [words.asks.replace("{topics}", () => names)],
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

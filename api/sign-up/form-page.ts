import { escapeHtml, renderShell } from "../recipient-pages/page.ts";
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

const field = (name: string, label: string, attributes: string) =>
  `<label for="${name}">${escapeHtml(label)}</label>\n<input id="${name}" name="${name}" ${attributes}>\n`;

export function renderForm({ words, topics, form, entered }: FormPage): string {
  const [only] = topics;
  const names = topics.map(({ name }) => name).join(", ");
  const value = (text: string | undefined) => (text ? ` value="${escapeHtml(text)}"` : "");
  const fault = entered ? `<p role="alert">${escapeHtml(entered.fault)}</p>\n` : "";
  const choices =
    topics.length === 1
      ? `<input type="hidden" name="topic" value="${escapeHtml(only!.key)}">\n`
      : topics
          .map(
            ({ key, name, isChosen }) =>
              `<label class="choice"><input type="checkbox" name="topic" value="${escapeHtml(key)}"${isChosen ? " checked" : ""}> ${escapeHtml(name)}</label>\n`,
          )
          .join("");
  const body = `<p>${escapeHtml(words.asks.replace("{topics}", () => names))}</p>
${fault}<form method="post" class="fields">
${choices}${field("email", words.email, `type="email" required maxlength="254" autocomplete="email"${value(entered?.email)}${entered ? ' aria-invalid="true"' : ""}`)}${field("name", words.name, `maxlength="100" autocomplete="name"${value(entered?.name)}`)}<div class="away" aria-hidden="true"><label>${escapeHtml(words.empty)} <input name="website" tabindex="-1" autocomplete="off"></label></div>
<input type="hidden" name="form" value="${form}">
<button type="submit">${escapeHtml(words.send)}</button>
</form>
<p>${escapeHtml(words.privacy)}</p>
`;
  return renderShell({ lang: words.lang, title: words.title }, body);
}

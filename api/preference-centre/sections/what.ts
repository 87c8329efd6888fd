import { contentChannels } from "../../../domain/templates/content-parts.ts";
import { type Html, html } from "../../recipient-pages/html.ts";
import { shownChannels } from "../centre.ts";
import { readAll } from "../form.ts";
import {
  card,
  firstButton,
  form,
  isChecked,
  notice,
  origin,
  originOf,
  saveButton,
  type Shown,
  typedIn,
} from "../shown.ts";
import { groupTypes } from "../types.ts";
import { renderTopics } from "./topics.ts";

/** What the recipient gets: the types in groups, the topics, and the channels. */
export function whatCard(shown: Shown): Html {
  const { words } = shown.centre;
  const groups = groupTypes(shown.centre);
  const content = html`${groups.map(({ group, types }) =>
      form(
        shown,
        "types",
        html`${firstButton()}
          <h3>${group ?? words.otherTypes}</h3>
          ${types.map((type) => renderType(shown, type))}${types.some(({ mandatory }) => !mandatory) && saveButton(shown)}`,
        { label: group ?? words.otherTypes },
      ),
    )}
    ${renderTopics(shown)}
    <div id="channels">
      <h3>${words.channels}</h3>
      ${notice(shown, "channels")}${form(
        shown,
        "channels",
        html`${firstButton()}
          <p class="soft">${words.channelsHelp}</p>
          ${contentChannels.map((channel) => renderChannel(shown, channel))}${saveButton(shown)}`,
        { label: words.channels },
      )}
    </div>`;
  return card(shown, "types", words.what, content);
}

type Type = ReturnType<typeof groupTypes>[number]["types"][number];

function renderType(shown: Shown, type: Type): Html {
  const { key, mandatory, from, shown: texts } = type;
  const { words } = shown.centre;
  const description = texts.description !== null && html`<p class="soft">${texts.description}</p>`;
  if (mandatory)
    return html`<div class="item">
      <strong>${texts.name}</strong>${description}
      <p class="locked">${words.alwaysOn} ${texts.mandatoryReason}</p>
    </div> `;
  const typed = typedIn(shown, "types");
  // The entries of the other groups are not in the form that was sent.
  const wanted = typed && readAll(typed, "known").includes(key) ? readAll(typed, "on") : null;
  return html`<fieldset class="item">
    <legend>${texts.name}</legend>
    ${description}
    <input type="hidden" name="known" value="${key}" />
    <div class="checks">
      ${shownChannels(type.channels).map(({ channel, on }) => {
        const value = `${channel} ${key}`;
        const isOn = wanted === null ? on : wanted.includes(value);
        return html`<label class="check"
          ><input
            type="checkbox"
            name="on"
            value="${value}"
            ${isOn && html` checked`}
          />${words[channel as keyof typeof words]}</label
        >`;
      })}
    </div>
    ${origin(shown, { isOwn: from === "recipient", reset: `types/${key}`, label: texts.name })}
  </fieldset> `;
}

function renderChannel(shown: Shown, channel: (typeof contentChannels)[number]): Html {
  const path = `channels.${channel}` as const;
  const { words, answer } = shown.centre;
  const isOn = isChecked(shown, "channels", path, answer.effective[path].value);
  return html`<div class="item">
    <label class="check"
      ><input type="checkbox" name="${path}" ${isOn && html` checked`} />${words[channel]}</label
    >
    ${originOf(shown, path, words[channel])}
  </div> `;
}

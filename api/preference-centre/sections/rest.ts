import { type Html, html } from "../../recipient-pages/html.ts";
import { type Field, fieldSections } from "../fields.ts";
import { formatMoment, namesOfWeekdays } from "../moments.ts";
import {
  card,
  faultOf,
  firstButton,
  form,
  isChecked,
  notice,
  originOf,
  saveButton,
  type SectionName,
  type Shown,
  shownValue,
} from "../shown.ts";
import { isTrackingAllowed, trackingPreferences } from "../tracking.ts";
import { weekdays } from "../../../domain/time/local-time.ts";
import { type CentreWords, fill } from "../words/words.ts";

/** The lengths of a pause, and the words of their buttons. */
const pauses = [
  ["hour", "pauseHour"],
  ["tomorrow", "pauseTomorrow"],
  ["week", "pauseWeek"],
  ["month", "pauseMonth"],
] as const;

export function pauseCard(shown: Shown): Html {
  const { words, stated, now, recipient } = shown.centre;
  const pausedUntil = stated.pausedUntil === undefined ? 0 : Date.parse(stated.pausedUntil);
  const when = formatMoment(pausedUntil, { locale: recipient.locale, zone: recipient.timeZone });
  const buttons = pauses.map(
    ([length, word]) =>
      html`<button type="submit" class="secondary" name="pause" value="${length}">
        ${words[word]}
      </button>`,
  );
  const content =
    pausedUntil > now
      ? html`<p><strong>${fill(words.pausedUntil, { when })}</strong></p>
          <div class="row">
            <button type="submit" name="pause" value="end">${words.pauseEnd}</button>
          </div>`
      : html`<div class="row">${buttons}</div>`;
  return card(
    shown,
    "pause",
    words.pause,
    html`<p class="soft">${words.pauseHelp}</p>
      ${form(shown, "pause", content)}`,
  );
}

export const oftenCard = (shown: Shown): Html =>
  card(
    shown,
    "often",
    shown.centre.words.often,
    form(
      shown,
      "often",
      html`${firstButton()}${fieldSections.often.map((field) => renderField(shown, "often", field))}${saveButton(shown)}`,
    ),
  );

export function smartCard(shown: Shown): Html {
  const { words, recipient } = shown.centre;
  const count = recipient.engagedHours.reduce((sum, each) => sum + each, 0);
  const learnt = count === 0 ? words.learntNothing : fill(words.learnt, { count });
  return card(
    shown,
    "smart",
    words.smart,
    html`${form(
      shown,
      "smart",
      html`${firstButton()}${fieldSections.smart.map((field) => renderField(shown, "smart", field))}
        <p class="soft">${learnt}</p>
        ${saveButton(shown)}`,
    )}
    ${
      count > 0 &&
      form(
        shown,
        "smart",
        html`<button type="submit" class="secondary" name="forget" value="yes">
          ${words.forget}
        </button>`,
      )
    }${renderTracking(shown)}`,
  );
}

/** What may be known of emails. What is not refused is as senders ask, so that nothing here is a choice of the organisation. */
function renderTracking(shown: Shown): Html {
  const { words, org } = shown.centre;
  const content = html`<p class="soft">${fill(words.trackingHelp, { org })}</p>
    ${trackingPreferences.map((preference) => {
      const path = `tracking.${preference}` as const;
      const isOn = isChecked(shown, "tracking", path, isTrackingAllowed(shown.centre, preference));
      return html`<div class="item">
        <label class="check"
          ><input type="checkbox" name="${path}" ${isOn && html` checked`} />${words[path]}</label
        >
      </div> `;
    })}${saveButton(shown)}`;
  return html`<div id="tracking">
    <h3>${words.tracking}</h3>
    ${notice(shown, "tracking")}${form(shown, "tracking", content, { label: words.tracking })}
  </div>`;
}

function renderField(shown: Shown, section: SectionName, field: Field): Html {
  const { words, answer } = shown.centre;
  const { path } = field;
  const label = words[path as keyof CentreWords];
  const stored = answer.effective[path].value;
  if (field.kind === "switch")
    return html`<div class="item">
      <label class="check"
        ><input
          type="checkbox"
          name="${path}"
          ${isChecked(shown, section, path, stored) && html` checked`}
        />${label}</label
      >
      ${originOf(shown, path, label)}
    </div> `;
  const value = shownValue(shown, section, path, stored);
  const fault = faultOf(shown, section, path);
  const invalid = fault && html` aria-invalid="true" aria-describedby="${fault.id}"`;
  const control =
    field.kind === "choice"
      ? html`<select id="${path}" name="${path}" ${invalid}>
          ${field.values.map((one) => html`<option value="${one}" ${one === value && html` selected`}>${nameOfChoice(one, words)}</option>`)}
        </select>`
      : field.kind === "time"
        ? html`<input
            type="time"
            step="900"
            id="${path}"
            name="${path}"
            value="${value}"
            ${invalid}
          />`
        : html`<input
              type="number"
              inputmode="numeric"
              min="${field.minimum}"
              max="${field.maximum}"
              id="${path}"
              name="${path}"
              value="${value}"
              ${invalid}
            />
            <span class="soft">${field.minimum}–${field.maximum}</span>`;
  return html`<div class="item">
    <label for="${path}">${label}</label>${control}${fault?.text} ${originOf(shown, path, label)}
  </div> `;
}

function nameOfChoice(value: string, words: CentreWords): string {
  const day = weekdays.findIndex((one) => one === value);
  return day === -1 ? words[value as keyof CentreWords] : namesOfWeekdays(words.lang)[day]!;
}

/** How many waiting messages the page shows. */
const shownAhead = 20;

/** What's ahead: the waiting messages, by what they are called and why they wait. */
export function aheadCard(shown: Shown): Html {
  const { timeline, words, answer, recipient } = shown.centre;
  const nameOf = new Map(answer.types.map(({ key, shown: texts }) => [key, texts.name]));
  const items = timeline.waiting.slice(0, shownAhead).map(({ type, channel, dueAt, reason }) => {
    const when = formatMoment(Date.parse(dueAt), {
      locale: recipient.locale,
      zone: recipient.timeZone,
    });
    const name = (type !== null && nameOf.get(type)) || words.aheadMessage;
    return html`<li>
      ${name} · ${words[channel as keyof CentreWords]}<br /><span class="soft"
        ><time datetime="${dueAt}">${fill(words.aheadFrom, { when })}</time>,
        ${reasonText(reason, words)}</span
      >
    </li>`;
  });
  const more = timeline.waiting.length - items.length + timeline.more;
  return card(
    shown,
    "ahead",
    words.ahead,
    items.length === 0
      ? html`<p class="soft">${words.aheadNone}</p>`
      : html`<ul class="ahead">
            ${items}
          </ul>
          ${more > 0 && html`<p class="soft">${fill(words.aheadMore, { count: more })}</p>`}`,
  );
}

function reasonText(reason: string | null, words: CentreWords): string {
  switch (reason ?? "") {
    case "quiet_hours":
    case "do_not_disturb":
      return words.reasonQuiet;
    case "digest":
    case "batch":
      return words.reasonDigest;
    case "recipient_limit":
    case "organisation_limit":
    case "type_limit":
      return words.reasonLimit;
    default:
      return words.reasonOther;
  }
}

/** Unsubscribing from all emails, the download and the erasure. */
export function allCard(shown: Shown): Html {
  const { words, isAllOff, isTrusted, recipient } = shown.centre;
  const button = (name: string, text: string, kind = "secondary") =>
    form(
      shown,
      "all",
      html`<button type="submit" class="${kind}" name="all" value="${name}">${text}</button>`,
    );
  const emails = isAllOff
    ? html`<p>${words.stoppedAll}</p>
        <div class="row">${button("resume", words.resume)}</div>`
    : html`<p class="soft">${words.stopAllHelp}</p>
        <div class="row">${button("stop", words.stopAll)}</div>`;
  const data = isTrusted
    ? html`<div class="row">
        <a class="button secondary" href="${shown.token}/export">${words.download}</a
        ><a class="button danger" href="${shown.token}/erasure">${words.erase}</a>
      </div>`
    : html`<p class="soft">${words.needsNewLink}</p>
        ${recipient.email !== null && html`<div class="row">${button("link", words.sendLink)}</div>`}`;
  return card(shown, "all", words.yourData, html`${recipient.email !== null && emails}${data}`);
}

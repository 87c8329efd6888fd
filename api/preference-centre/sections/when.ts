import { listQuietSpans } from "../../../domain/policy/quiet-hours.ts";
import { dayMs, hourMs } from "../../../domain/time/durations.ts";
import { localTimeAt, weekdays } from "../../../domain/time/local-time.ts";
import { type Html, html } from "../../recipient-pages/html.ts";
import { pageLanguages } from "../../../domain/page-languages.ts";
import { firstDayOf, formatMoment, namesOfWeekdays } from "../moments.ts";
import { type Line, linesOf, periodSections, type PeriodSection, typedLines } from "../periods.ts";
import {
  card,
  faultOf,
  firstButton,
  form,
  isChecked,
  notice,
  originOf,
  saveButton,
  type Shown,
  shownValue,
  typedIn,
} from "../shown.ts";
import { fill } from "../words/words.ts";

/** When messages come: the time zone and the language, quiet hours, and do-not-disturb. */
export const whenCard = (shown: Shown): Html =>
  card(
    shown,
    "place",
    shown.centre.words.when,
    html`${renderPlace(shown)}${renderQuietTimes(shown)}${renderPeriods(shown, "quiet")}${renderPeriods(shown, "dnd")}`,
  );

function renderPlace(shown: Shown): Html {
  const { recipient, words, now } = shown.centre;
  const { lang } = words;
  const zone = shownValue(shown, "place", "timeZone", recipient.timeZone);
  const locale = shownValue(shown, "place", "locale", recipient.locale);
  const zones = [...new Set(["UTC", ...Intl.supportedValuesOf("timeZone"), zone])];
  const names = new Intl.DisplayNames([lang], { type: "language" });
  const locales = [...new Set([...pageLanguages, locale])];
  const time = formatMoment(
    now,
    { locale: recipient.locale, zone: recipient.timeZone },
    { withDate: false },
  );
  const zoneFault = faultOf(shown, "place", "timeZone");
  const localeFault = faultOf(shown, "place", "locale");
  return form(
    shown,
    "place",
    html`<div class="item">
        <label for="timeZone">${words.timeZone}</label>
        <select
          id="timeZone"
          name="timeZone"
          ${zoneFault && html` aria-invalid="true" aria-describedby="${zoneFault.id}"`}
        >
          ${zones.map((name) => option(name, name.replaceAll("_", " "), name === zone))}
        </select>
        ${zoneFault?.text}
        <p class="soft">${fill(words.timeZoneNow, { time })}</p>
        <p data-zone-offer hidden>
          <button type="button" class="secondary">${words.timeZoneUse}</button>
        </p>
      </div>
      <div class="item">
        <label for="locale">${words.language}</label>
        <select
          id="locale"
          name="locale"
          ${localeFault && html` aria-invalid="true" aria-describedby="${localeFault.id}"`}
        >
          ${locales.map((tag) => option(tag, nameOf(names, tag), tag === locale))}</select
        >${localeFault?.text}
      </div>
      ${saveButton(shown)}`,
  );
}

const option = (value: string, text: string, isSelected: boolean): Html =>
  html`<option value="${value}" ${isSelected && html` selected`}>${text}</option>`;

/** What was typed need not be a language. */
function nameOf(names: Intl.DisplayNames, tag: string): string {
  try {
    return names.of(tag) ?? tag;
  } catch {
    return tag;
  }
}

/** Says when messages wait next, in the recipient's local time. Where the clocks change, the number of hours shows it. */
function renderQuietTimes({ centre }: Shown): Html | null {
  const { effective, recipient, now, timeline, words } = centre;
  const shownAt = { locale: recipient.locale, zone: recipient.timeZone };
  if (timeline.quiet.until !== null) {
    const until = formatMoment(Date.parse(timeline.quiet.until), shownAt);
    return html`<p class="next">${fill(words.quietNow, { until })}</p>`;
  }
  const [next] = listQuietSpans(effective, recipient.timeZone, now, now + 8 * dayMs);
  if (!next) return null;
  const hours = new Intl.NumberFormat(words.lang, { maximumFractionDigits: 1 });
  const text = fill(words.quietNext, {
    from: formatMoment(next.from, shownAt),
    until: formatMoment(next.until, shownAt),
    hours: hours.format((next.until - next.from) / hourMs),
  });
  return html`<p class="next">${text}</p>`;
}

function renderPeriods(shown: Shown, section: PeriodSection): Html {
  const { path, enabled } = periodSections[section];
  const { words, answer, recipient, now } = shown.centre;
  const typed = typedIn(shown, section);
  const lines = typed === null ? linesOf(section, shown.centre) : typedLines(section, typed);
  const isOn = isChecked(shown, section, enabled, answer.effective[enabled].value);
  const days = namesOfWeekdays(words.lang);
  const local = localTimeAt(recipient.timeZone, now);
  const minuteOfWeek = (local.weekday - 1) * 1_440 + local.minute;
  return html`<div id="${section}">
    <h3>${words[path]}</h3>
    ${notice(shown, section)}${form(
      shown,
      section,
      html`${firstButton()}${faultOf(shown, section, section)?.text}
        <label class="check"
          ><input
            type="checkbox"
            name="${enabled}"
            ${isOn && html` checked`}
          />${words[`${path}Enabled`]}</label
        >
        ${originOf(shown, enabled, words[`${path}Enabled`])}
        ${section === "dnd" && html`<week-grid data-days="${JSON.stringify(days)}" data-first="${firstDayOf(recipient.locale)}" data-name="${words.gridName}" data-help="${words.gridHelp}" data-touch="${words.gridTouch}" data-next="${words.gridNext}" data-now="${minuteOfWeek}" data-cell="${words.gridCell}" data-quiet="${words.gridQuiet}" data-free="${words.gridFree}" data-partly="${words.gridPartly}" data-unsaved="${words.gridUnsaved}"></week-grid>`}
        <ol class="spans" data-periods="${section}">
          ${lines.map((line, index) => renderLine(shown, { section, line, index, days }))}
        </ol>
        <p class="soft">${words.periodHelp}</p>
        ${originOf(shown, path, words[path])}${saveButton(shown)}`,
      { label: words[path] },
    )}
  </div>`;
}

function renderLine(
  shown: Shown,
  {
    section,
    line,
    index,
    days,
  }: { section: PeriodSection; line: Line; index: number; days: readonly string[] },
): Html {
  const { words } = shown.centre;
  const name = `${section}.${index}`;
  const fault = faultOf(shown, section, name);
  const invalid = fault && html` aria-invalid="true" aria-describedby="${fault.id}"`;
  const time = (part: "from" | "to") =>
    html`<label
      >${words[part]}<input type="time" name="${name}.${part}" value="${line[part]}" ${invalid}
    /></label>`;
  return html`<li class="span">
    ${
      section === "dnd" &&
      html`<label class="whole"
        >${words.day}<select name="${name}.day">
          ${weekdays.map((day, at) => option(day, days[at]!, day === line.day))}
        </select></label
      >`
    }${time("from")}${time("to")}${
      section === "dnd" &&
      html`<label class="check"><input type="checkbox" name="${name}.copy" />${words.copy}</label>`
    }${line.from !== "" && html`<label class="check"><input type="checkbox" name="${name}.remove" />${words.remove}</label>`}${fault?.text}
  </li>`;
}

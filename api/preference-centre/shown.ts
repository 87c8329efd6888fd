import type { PreferencePath } from "../../domain/policy/preferences.ts";
import { type Html, html } from "../recipient-pages/html.ts";
import type { Centre } from "./centre.ts";
import { type Form, readOne } from "./form.ts";
import { fill } from "./words/words.ts";

/** The sections of the page, whose names are parts of its address. */
export type SectionName =
  | "types"
  | "topics"
  | "channels"
  | "pause"
  | "place"
  | "quiet"
  | "dnd"
  | "often"
  | "smart"
  | "tracking"
  | "ahead"
  | "all";

/** What became of the form that was sent. */
export interface Outcome {
  section: SectionName;
  message: string;
  isGood: boolean;
  /** The merge patch that takes the change back; null if there is none. */
  undo: object | null;
  /** The form, whose entries are kept if it was not saved. */
  typed: Form | null;
  faults: ReadonlyMap<string, string>;
}

/** What the page shows: the stored values, and what became of the form. */
export interface Shown {
  /** The last part of the page's address, from which the addresses below it begin. */
  token: string;
  centre: Centre;
  outcome: Outcome | null;
}

/** The form of a section that was not saved, whose entries are shown again; null if there is none. */
export const typedIn = ({ outcome }: Shown, section: SectionName): Form | null =>
  outcome?.section === section ? outcome.typed : null;

/** The value that a field shows: what was typed, or what is stored. */
export function shownValue(
  shown: Shown,
  section: SectionName,
  name: string,
  stored: unknown,
): string {
  const typed = typedIn(shown, section);
  return typed === null ? String(stored) : (readOne(typed, name) ?? "");
}

export function isChecked(
  shown: Shown,
  section: SectionName,
  name: string,
  stored: unknown,
): boolean {
  const typed = typedIn(shown, section);
  return typed === null ? stored === true : readOne(typed, name) !== undefined;
}

/** The fault of a field of a section, with the id by which the field refers to it; null if it has none. */
export function faultOf(
  { outcome }: Shown,
  section: SectionName,
  name: string,
): { id: string; text: Html } | null {
  const message = outcome?.section === section ? outcome.faults.get(name) : undefined;
  if (message === undefined) return null;
  const id = `fault-${section}-${name}`;
  return { id, text: html`<p class="error" id="${id}">${message}</p>` };
}

/** A card of the page, under a heading unless the card before has it. */
export const card = (shown: Shown, name: SectionName, heading: string, content: Html): Html =>
  html`<section class="card" id="${name}" aria-labelledby="h-${name}">
    <h2 id="h-${name}">${heading}</h2>
    ${notice(shown, name)}${content}
  </section> `;

/** A form of a section, which is sent with the version of the preferences that it shows. */
export const form = (
  { centre }: Shown,
  name: SectionName,
  content: Html,
  { anchor = name, label }: { anchor?: string; label?: string } = {},
): Html =>
  html`<form
    method="post"
    action="#${anchor}"
    ${label !== undefined && html` aria-label="${label}"`}
  >
    <input type="hidden" name="section" value="${name}" /><input
      type="hidden"
      name="version"
      value="${centre.answer.version}"
    />
    ${content}
  </form> `;

/** The button with which a form is saved. It comes before the buttons that reset a value, so that the Enter key saves. */
export const saveButton = ({ centre: { words } }: Shown): Html =>
  html`<div class="row"><button type="submit" name="do" value="save">${words.save}</button></div>`;

/** A button that is no button for the eye: the one that the Enter key presses, because a form uses its first one. */
export const firstButton = (): Html =>
  html`<button type="submit" name="do" value="save" hidden tabindex="-1"></button>`;

/** Says whose choice a value is, and offers to leave it to the organisation. */
export function origin(
  { centre: { words, org } }: Shown,
  { isOwn, reset, label }: { isOwn: boolean; reset: string; label: string },
): Html {
  return isOwn
    ? html`<div class="origin">
        ${words.yours}
        <button
          type="submit"
          class="plain"
          name="reset"
          value="${reset}"
          aria-label="${words.useTheirs}: ${label}"
        >
          ${words.useTheirs}
        </button>
      </div>`
    : html`<div class="origin">${fill(words.theirs, { org })}</div>`;
}

/** The origin of the value at a path. */
export const originOf = (shown: Shown, path: PreferencePath, label: string): Html =>
  origin(shown, {
    isOwn: shown.centre.answer.effective[path].from === "recipient",
    reset: path,
    label,
  });

/** What became of the form of a section, with a button to undo it, which is a form: it must not be within another one. */
export function notice(shown: Shown, name: SectionName): Html | null {
  const { outcome, centre } = shown;
  if (outcome?.section !== name) return null;
  const undo =
    outcome.undo &&
    html`<form method="post" action="#${name}">
      <input type="hidden" name="section" value="${name}" /><input
        type="hidden"
        name="version"
        value="${centre.answer.version}"
      />
      <input type="hidden" name="undo" value="${JSON.stringify(outcome.undo)}" /><button
        type="submit"
        class="secondary"
      >
        ${centre.words.undo}
      </button>
    </form>`;
  return html`<div
    class="note${!outcome.isGood && " warn"}"
    role="${outcome.isGood ? "status" : "alert"}"
  >
    <p>${outcome.message}</p>
    ${undo}
  </div>`;
}

import { useState } from "react";
import { CodeEditor } from "../editor/code-editor.tsx";
import type { Variables } from "../editor/languages.ts";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Field } from "../parts/form.tsx";
import { Panel } from "../parts/page.tsx";
import { channelWords } from "../words/statuses.ts";
import { ChannelFields } from "./channel-fields.tsx";
import { type Draft, localePath, localesOf, readAt, writeAt } from "./draft.ts";
import { type ContentChannel, contentChannels, derivedFrom } from "./fields.ts";
import type { EditorSearch } from "./search.ts";
import type { Faults } from "./use-preview.ts";
import styles from "./source-panel.module.css";

interface SourcePanelProps {
  draft: Draft;
  onDraft: (draft: Draft) => void;
  channel: ContentChannel;
  locale: string | undefined;
  onSearch: (changed: EditorSearch) => void;
  faults: Faults;
  variables: Variables;
}

/** The source of a template: its texts by channel and locale, and the schema of its variables. */
export function SourcePanel(props: SourcePanelProps) {
  const { draft, onDraft, channel, locale, onSearch, faults } = props;
  const [view, setView] = useState<"content" | "variables">("content");
  const path = [...localePath(locale), channel];
  const hasOwn = readAt(draft.content, path) !== undefined;
  const change = (to: Draft["content"]) => onDraft({ ...draft, content: to });
  return (
    <Panel
      title="Source"
      aside={<LocaleChoice draft={draft} onDraft={onDraft} locale={locale} onSearch={onSearch} />}
    >
      <div className={styles.tabs} role="group" aria-label="What is edited">
        {contentChannels.map((each) => {
          const isEmpty = readAt(draft.content, [...localePath(locale), each]) === undefined;
          return (
            <button
              key={each}
              type="button"
              aria-pressed={view === "content" && each === channel}
              onClick={() => {
                setView("content");
                onSearch({ channel: each === "email" ? undefined : each });
              }}
            >
              {channelWords[each]}
              {isEmpty && (
                <span className="muted"> {locale === undefined ? "derived" : "default"}</span>
              )}
              {hasFaults(faults, [...localePath(locale), each]) && (
                <span className={styles.fault}> errors</span>
              )}
            </button>
          );
        })}
        <button
          type="button"
          aria-pressed={view === "variables"}
          onClick={() => setView("variables")}
        >
          Variables
          {hasFault(faults, "/variables") && <span className={styles.fault}> errors</span>}
        </button>
      </div>
      {view === "variables" ? (
        <VariablesEditor {...props} />
      ) : hasOwn ? (
        <ChannelFields
          key={path.join("/")}
          {...props}
          path={path}
          onChange={(name, value) => change(writeAt(draft.content, [...path, name], value))}
          onRemove={() => change(writeAt(draft.content, path, undefined))}
        />
      ) : (
        <div className={styles.derived}>
          <p>
            {locale === undefined
              ? `There is no content for ${channelWords[channel].toLowerCase()}. The message is derived from that for ${derivedFrom[
                  channel
                ]
                  .map((each) => channelWords[each].toLowerCase())
                  .join(", otherwise ")}, as the preview shows.`
              : `The locale ${locale} has no content of its own for ${channelWords[channel].toLowerCase()}. The default content is used.`}
          </p>
          <Button onClick={() => change(writeAt(draft.content, path, startOf(channel, locale)))}>
            Write content of its own
          </Button>
        </div>
      )}
      <p className={styles.keys}>
        Tab indents; <kbd>Esc</kbd>, then <kbd>Tab</kbd> leaves the editor. <kbd>Ctrl</kbd>{" "}
        <kbd>Space</kbd> completes.
      </p>
    </Panel>
  );
}

function startOf(channel: ContentChannel, locale: string | undefined) {
  if (locale !== undefined) return {};
  return channel === "email" ? { subject: "", html: "" } : { title: "", body: "" };
}

const hasFault = (faults: Faults, pointer: string) =>
  [...faults.keys()].some((field) => field === pointer || field.startsWith(`${pointer}/`));
const hasFaults = (faults: Faults, path: readonly string[]) =>
  hasFault(faults, `/content/${path.join("/")}`);

const variableFaultsOf = (faults: Faults) =>
  [...faults].flatMap(([field, found]) =>
    field === "/variables" || field.startsWith("/variables/")
      ? found.map((fault) => ({
          ...fault,
          message: field === "/variables" ? fault.message : `${field.slice(11)} ${fault.message}`,
        }))
      : [],
  );

function VariablesEditor({ draft, onDraft, faults }: SourcePanelProps) {
  return (
    <div className={styles.fields}>
      <p className="muted">
        A JSON Schema of the data. Requests whose data do not fit it are refused, and the form
        beside the preview is made from it.
      </p>
      <CodeEditor
        label="Variables, a JSON Schema"
        value={draft.variables}
        language="json"
        faults={variableFaultsOf(faults)}
        onChange={(variables) => onDraft({ ...draft, variables })}
      />
    </div>
  );
}

/** Chooses the locale whose texts are edited and previewed. */
function LocaleChoice({
  draft,
  onDraft,
  locale,
  onSearch,
}: Pick<SourcePanelProps, "draft" | "onDraft" | "locale" | "onSearch">) {
  const [isAdding, setAdding] = useState(false);
  const [tag, setTag] = useState("");
  const isTag = /^[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*$/.test(tag.trim());
  const add = () => {
    const name = tag.trim();
    if (readAt(draft.content, localePath(name)) === undefined)
      onDraft({ ...draft, content: writeAt(draft.content, localePath(name), {}) });
    onSearch({ locale: name });
    setAdding(false);
    setTag("");
  };
  return (
    <span className={styles.locale}>
      <label>
        <span className="muted">Locale</span>{" "}
        <select
          value={locale ?? ""}
          onChange={({ target }) => {
            if (target.value === "+") setAdding(true);
            else onSearch({ locale: target.value || undefined });
          }}
        >
          <option value="">Default</option>
          {localesOf(draft.content).map((each) => (
            <option key={each}>{each}</option>
          ))}
          <option value="+">Add a locale…</option>
        </select>
      </label>
      {locale !== undefined && (
        <Button
          kind="quiet"
          onClick={() => {
            onDraft({ ...draft, content: withoutLocale(draft.content, locale) });
            onSearch({ locale: undefined });
          }}
        >
          Remove
        </Button>
      )}
      {isAdding && (
        <Dialog
          title="Add a locale"
          onClose={() => setAdding(false)}
          footer={
            <>
              <Button onClick={() => setAdding(false)}>Cancel</Button>
              <Button kind="primary" disabled={!isTag} onClick={add}>
                Add it
              </Button>
            </>
          }
        >
          <Field
            label="Language tag"
            hint="For example de or de-AT. What it leaves out comes from de, then from the default content."
          >
            {(control) => (
              <input
                {...control}
                autoComplete="off"
                value={tag}
                onChange={({ target }) => setTag(target.value)}
              />
            )}
          </Field>
        </Dialog>
      )}
    </span>
  );
}

function withoutLocale(content: Draft["content"], locale: string): Draft["content"] {
  const next = writeAt(content, localePath(locale), undefined);
  return localesOf(next).length === 0 ? writeAt(next, ["locales"], undefined) : next;
}

import { useQuery } from "@tanstack/react-query";
import { useRef } from "react";
import { CodeEditor, type EditorHandle } from "../editor/code-editor.tsx";
import type { Variables } from "../editor/languages.ts";
import { layoutsQuery } from "../layouts/queries.ts";
import { Button } from "../parts/button.tsx";
import { Check, Field } from "../parts/form.tsx";
import { Menu } from "../parts/menu.tsx";
import type { Json } from "../parts/json-schema.ts";
import { Buttons } from "./buttons-editor.tsx";
import { type Draft, type Path, readAt, readText } from "./draft.ts";
import {
  type ContentChannel,
  contentChannels,
  pushSwitches,
  senderFields,
  type TextField,
  textFields,
} from "./fields.ts";
import { layoutOf, snippets, withLayout } from "./snippets.ts";
import type { Faults } from "./use-preview.ts";
import styles from "./source-panel.module.css";

interface ChannelFieldsProps {
  draft: Draft;
  channel: ContentChannel;
  locale: string | undefined;
  /** The path of the channel in the content. */
  path: Path;
  faults: Faults;
  variables: Variables;
  onChange: (name: string, value: Json | undefined) => void;
  onRemove: () => void;
}

/** The fields of one channel. In a locale every field may be left out. */
export function ChannelFields(props: ChannelFieldsProps) {
  const { draft, channel, locale, path, faults, variables, onChange, onRemove } = props;
  const pointer = `/content/${path.join("/")}`;
  // A template has content for at least one channel.
  const isRemovable =
    locale !== undefined ||
    contentChannels.some((each) => each !== channel && readAt(draft.content, [each]) !== undefined);
  const ofChannel = faults.get(pointer);
  return (
    <div className={styles.fields}>
      {ofChannel?.map(({ message }) => (
        <p key={message} role="alert" className={styles.fault}>
          {message}
        </p>
      ))}
      {textFields[channel].map((field) => (
        <TextEditor
          key={field.name}
          field={field}
          value={readText(draft.content, [...path, field.name])}
          fallback={locale === undefined ? "" : readText(draft.content, [channel, field.name])}
          isOptional={locale !== undefined || field.isRequired !== true}
          faults={faults.get(`${pointer}/${field.name}`)}
          variables={variables}
          onChange={(value) => onChange(field.name, value)}
        />
      ))}
      {channel === "push" &&
        pushSwitches.map(({ name, label }) => (
          <Check
            key={name}
            checked={readAt(draft.content, [...path, name]) === true}
            onChange={({ target }) => onChange(name, target.checked || undefined)}
          >
            {label}
          </Check>
        ))}
      {channel !== "email" && (
        <Buttons
          value={readAt(draft.content, [...path, "actions"])}
          pointer={`${pointer}/actions`}
          faults={faults}
          onChange={(actions) => onChange("actions", actions)}
        />
      )}
      {channel === "email" && locale === undefined && (
        <details className={styles.sender}>
          <summary>Sender</summary>
          <div className={styles.fields}>
            {senderFields.map(({ name, label, hint }) => (
              <Field
                key={name}
                label={label}
                error={faults.get(`${pointer}/${name}`)?.[0]?.message}
              >
                {(control) => (
                  <input
                    {...control}
                    placeholder={hint}
                    value={readText(draft.content, [...path, name])}
                    onChange={({ target }) => onChange(name, target.value || undefined)}
                  />
                )}
              </Field>
            ))}
          </div>
        </details>
      )}
      {isRemovable && (
        <div>
          <Button kind="quiet" onClick={onRemove}>
            {locale === undefined
              ? "Use derived content instead"
              : "Use the default content instead"}
          </Button>
        </div>
      )}
    </div>
  );
}

function TextEditor({
  field,
  value,
  fallback,
  isOptional,
  faults,
  variables,
  onChange,
}: {
  field: TextField;
  value: string;
  /** What is used where there is no text. */
  fallback: string;
  isOptional: boolean;
  faults: ReturnType<Faults["get"]>;
  variables: Variables;
  onChange: (value: string | undefined) => void;
}) {
  const editor = useRef<EditorHandle>(null);
  const { label, language, size, hint = "" } = field;
  return (
    <section className={styles.field} aria-label={label}>
      <header>
        <h3>{label}</h3>
        {language === "html" && (
          <HtmlTools
            html={value}
            onHtml={onChange}
            onInsert={(text) => editor.current?.insert(text)}
          />
        )}
      </header>
      <CodeEditor
        ref={editor}
        label={label}
        value={value}
        language={language}
        size={size}
        variables={variables}
        {...(faults && { faults })}
        hint={fallback === "" ? hint : fallback.slice(0, 200)}
        onChange={(text) => onChange(text === "" && isOptional ? undefined : text)}
      />
    </section>
  );
}

/** What helps to write the HTML of an email: blocks, and the layouts that surround it or are part of it. */
function HtmlTools({
  html,
  onHtml,
  onInsert,
}: {
  html: string;
  onHtml: (html: string) => void;
  onInsert: (text: string) => void;
}) {
  const { data } = useQuery(layoutsQuery({ limit: "200", sort: "key" }));
  const current = layoutOf(html);
  const keys = data?.items.map(({ key }) => key) ?? [];
  return (
    <span className={styles.tools}>
      <label>
        <span className="muted">Layout</span>{" "}
        <select
          value={current ?? ""}
          onChange={({ target }) => onHtml(withLayout(html, target.value || null))}
        >
          <option value="">none</option>
          {current !== null && !keys.includes(current) && <option>{current}</option>}
          {keys.map((key) => (
            <option key={key}>{key}</option>
          ))}
        </select>
      </label>
      <Menu
        name="Insert"
        items={[
          ...snippets.map(({ name, html: block }) => ({
            key: name,
            name,
            act: () => onInsert(block),
          })),
          ...keys.map((key) => ({
            key: `layout ${key}`,
            name: `Layout ${key}`,
            act: () => onInsert(`{% render "${key}" %}\n`),
          })),
        ]}
      />
    </span>
  );
}

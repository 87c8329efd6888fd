import { type Ref, useEffect, useImperativeHandle, useRef } from "react";
import { type CodeView, createCodeView, type TextFault } from "./code-view.ts";
import type { Language, Variables } from "./languages.ts";
import styles from "./code-editor.module.css";

/** What the page can do to an editor. */
export type EditorHandle = Pick<CodeView, "insert" | "goTo">;

interface CodeEditorProps {
  ref?: Ref<EditorHandle>;
  /** The name of the field, for screen readers. */
  label: string;
  value: string;
  language: Language;
  onChange?: (value: string) => void;
  variables?: Variables;
  faults?: readonly TextFault[];
  /** What is shown where there is no text. It is read once. */
  hint?: string;
  /** `line` takes no ends of lines; `short` and `tall` are heights. */
  size?: "line" | "short" | "tall";
}

const noVariables: Variables = { names: [], propertiesOf: () => [] };
const noFaults: readonly TextFault[] = [];

/** An editor for Liquid or JSON. Without `onChange` its text can only be read. Faults are marked where they are, and listed below. */
export function CodeEditor({
  ref,
  label,
  value,
  language,
  onChange,
  variables = noVariables,
  faults = noFaults,
  hint = "",
  size = "tall",
}: CodeEditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<CodeView>(null);
  const latest = useRef({ value, variables, onChange, hint });
  useEffect(() => {
    latest.current = { value, variables, onChange, hint };
  });
  const isReadOnly = onChange === undefined;
  useEffect(() => {
    const { value: text, variables: known, hint: shown } = latest.current;
    const created = createCodeView(host.current!, {
      label,
      text,
      language,
      variables: known,
      isSingleLine: size === "line",
      isReadOnly,
      hint: shown,
      onChange: (changed) => latest.current.onChange?.(changed),
    });
    view.current = created;
    return () => created.destroy();
  }, [label, language, size, isReadOnly]);
  useEffect(() => view.current?.setText(value), [value]);
  useEffect(() => view.current?.setVariables(variables), [variables]);
  useEffect(() => view.current?.setFaults(faults), [faults]);
  useImperativeHandle(
    ref,
    () => ({
      insert: (text) => view.current?.insert(text),
      goTo: (line, column) => view.current?.goTo(line, column),
    }),
    [],
  );
  return (
    <div className={styles.editor} data-invalid={faults.length > 0}>
      <div ref={host} className={`${styles.host} ${styles[size]}`} />
      {faults.length > 0 && (
        <div className={styles.faults} role="alert">
          <ul>
            {faults.map(({ line, column, message }) => (
              <li key={`${line} ${message}`}>
                {line === undefined ? (
                  message
                ) : (
                  <>
                    <button type="button" onClick={() => view.current?.goTo(line, column ?? 1)}>
                      Line {line}
                    </button>{" "}
                    {message}
                  </>
                )}
              </li>
            ))}
          </ul>
        </div>
      )}
    </div>
  );
}

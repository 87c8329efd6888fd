import { useId, useState } from "react";
import { type Draft, parseDraft, writeDraft } from "./draft.ts";
import styles from "./editor.module.css";

interface JsonEditorProps {
  draft: Draft;
  onChange: (draft: Draft) => void;
  /** What the API says is wrong. */
  faults: readonly { field: string; message: string }[];
}

/** Edits a rule as JSON. What can be read takes effect at once; what cannot is named, and changes nothing. */
export function JsonEditor({ draft, onChange, faults }: JsonEditorProps) {
  const id = useId();
  const [text, setText] = useState(() => writeDraft(draft));
  const [fault, setFault] = useState<string | null>(null);
  return (
    <div className={styles.list}>
      <label htmlFor={id} className="hidden-text">
        The rule as JSON
      </label>
      <textarea
        id={id}
        className={styles.json}
        spellCheck={false}
        value={text}
        aria-invalid={fault !== null}
        aria-describedby={`${id}-fault`}
        onChange={({ target }) => {
          setText(target.value);
          try {
            onChange(parseDraft(target.value));
            setFault(null);
          } catch (error) {
            setFault((error as Error).message);
          }
        }}
      />
      <div id={`${id}-fault`} role="alert" className={styles.fault}>
        {fault !== null && <p>Not applied: {fault}</p>}
        {faults.map(({ field, message }) => (
          <p key={field}>
            <code>{field}</code> {message}
          </p>
        ))}
      </div>
    </div>
  );
}

import { formatNoun } from "../words/numbers.ts";
import styles from "./json-tree.module.css";

/** A JSON value as a tree whose parts can be closed. */
export function JsonTree({ value, name }: { value: unknown; name?: string }) {
  const label = name !== undefined && <span className={styles.name}>{name}: </span>;
  if (typeof value !== "object" || value === null)
    return (
      <div className={styles.leaf}>
        {label}
        <code>{JSON.stringify(value)}</code>
      </div>
    );
  const entries = Object.entries(value);
  if (entries.length === 0)
    return (
      <div className={styles.leaf}>
        {label}
        <code>{Array.isArray(value) ? "[]" : "{}"}</code>
      </div>
    );
  return (
    <details open className={styles.branch}>
      <summary>
        {label}
        <span className="muted">
          {formatNoun(entries.length, Array.isArray(value) ? "item" : "field")}
        </span>
      </summary>
      {entries.map(([key, part]) => (
        <JsonTree key={key} name={key} value={part} />
      ))}
    </details>
  );
}

import styles from "./segments.module.css";

/** A choice of one among few. */
export function Segments<Value extends string>({
  label,
  values,
  chosen,
  onChange,
}: {
  label: string;
  values: Record<Value, string>;
  chosen: Value;
  onChange: (value: Value) => void;
}) {
  return (
    <div className={styles.segments} role="group" aria-label={label}>
      {(Object.entries(values) as [Value, string][]).map(([value, word]) => (
        <button
          key={value}
          type="button"
          aria-pressed={chosen === value}
          onClick={() => onChange(value)}
        >
          {word}
        </button>
      ))}
    </div>
  );
}

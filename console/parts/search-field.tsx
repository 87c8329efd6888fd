import { type Ref, useEffect, useState } from "react";
import styles from "./filters.module.css";

/** How long typing rests before the list is searched. */
const restMs = 200;

/** A field that narrows a list to what contains a text. */
export function SearchField({
  ref,
  label,
  value,
  onChange,
}: {
  ref?: Ref<HTMLInputElement>;
  label: string;
  value: string;
  onChange: (value: string) => void;
}) {
  const [typed, setTyped] = useState(value);
  const [shown, setShown] = useState(value);
  // The address may change by itself, for example when the filters are cleared.
  if (shown !== value) {
    setShown(value);
    if (value !== typed.trim()) setTyped(value);
  }
  useEffect(() => {
    if (typed.trim() === value) return;
    const timer = setTimeout(() => onChange(typed.trim()), restMs);
    return () => clearTimeout(timer);
  });
  return (
    <input
      ref={ref}
      type="search"
      className={styles.search}
      aria-label={label}
      placeholder={label}
      value={typed}
      onChange={({ target }) => setTyped(target.value)}
    />
  );
}

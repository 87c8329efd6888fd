import { type ReactNode, useId, useRef } from "react";
import { Button } from "./button.tsx";
import { Icon } from "./icon.tsx";
import styles from "./filters.module.css";
import { placePopover } from "./place-popover.ts";
import popover from "./popover.module.css";

interface FiltersProps {
  /** Whether any filter is set. */
  isAny: boolean;
  onClear: () => void;
  children: ReactNode;
}

/** The filters above a list. */
export function Filters({ isAny, onClear, children }: FiltersProps) {
  return (
    <div className={styles.bar} role="group" aria-label="Filters">
      {children}
      {isAny && (
        <Button kind="quiet" onClick={onClear}>
          Clear
        </Button>
      )}
    </div>
  );
}

interface ChosenFilterProps {
  name: string;
  value: string;
  /** The value in full, where it is shortened. */
  title: string;
  onRemove: () => void;
}

/** A filter that has no list of values, as a button that removes it. */
export function ChosenFilter({ name, value, title, onRemove }: ChosenFilterProps) {
  return (
    <button
      type="button"
      className={styles.chosen}
      title={`${title}: remove this filter`}
      onClick={onRemove}
    >
      <span className="muted">{name}</span>
      {value}
      <Icon name="close" size={12} />
      <span className="hidden-text">, remove this filter</span>
    </button>
  );
}

interface ChoiceProps<Value extends string> {
  ref?: React.Ref<HTMLButtonElement>;
  name: string;
  values: readonly Value[];
  words: (value: Value) => string;
  chosen: readonly Value[];
  onChange: (chosen: Value[]) => void;
}

/** A button that opens a list of values to choose from. */
export function Choice<Value extends string>({
  ref,
  name,
  values,
  words,
  chosen,
  onChange,
}: ChoiceProps<Value>) {
  const id = useId();
  const label =
    chosen.length === 0
      ? name
      : `${name}: ${chosen.length <= 2 ? chosen.map(words).join(", ") : chosen.length}`;
  const box = useRef<HTMLDivElement>(null);
  return (
    <span>
      <button
        ref={ref}
        type="button"
        className={styles.button}
        data-chosen={chosen.length > 0}
        popoverTarget={id}
        onClick={({ currentTarget }) => placePopover(currentTarget, box.current!)}
      >
        {label}
        <Icon name="down" size={12} />
      </button>
      <div
        ref={box}
        id={id}
        popover="auto"
        className={`${popover.popover} ${popover.list} ${popover.entries}`}
        role="group"
        aria-label={name}
      >
        {values.map((value) => (
          <label key={value}>
            <input
              type="checkbox"
              checked={chosen.includes(value)}
              onChange={({ target }) =>
                onChange(
                  target.checked
                    ? values.filter((each) => each === value || chosen.includes(each))
                    : chosen.filter((each) => each !== value),
                )
              }
            />
            {words(value)}
          </label>
        ))}
      </div>
    </span>
  );
}

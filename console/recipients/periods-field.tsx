import { Button, IconButton } from "../parts/button.tsx";
import { toWords } from "../words/statuses.ts";
import { weekdays } from "./preference-words.ts";
import styles from "./periods-field.module.css";

interface Period {
  start: string;
  end: string;
  weekday?: string;
}

interface PeriodsFieldProps {
  value: readonly Period[];
  withWeekday: boolean;
  fault: string | undefined;
  onChange: (value: Period[]) => void;
}

/** Periods of the day, or of days of the week, by the recipient's clock. One that ends before it starts ends on the next day. */
export function PeriodsField({ value, withWeekday, fault, onChange }: PeriodsFieldProps) {
  const change = (place: number, changed: Partial<Period>) =>
    onChange(value.map((period, index) => (index === place ? { ...period, ...changed } : period)));
  return (
    <fieldset className={styles.field}>
      <legend className="muted">
        By the recipient’s clock. A period that ends before it starts ends on the next day; the end
        of the day is 24:00.
      </legend>
      {value.map((period, place) => (
        // Periods have no identity of their own, and are only added at the end.
        // oxlint-disable-next-line react/no-array-index-key
        <div key={place} className={styles.period} role="group" aria-label={`Period ${place + 1}`}>
          {withWeekday && (
            <select
              aria-label="Day"
              value={period.weekday}
              onChange={({ target }) => change(place, { weekday: target.value })}
            >
              {weekdays.map((day) => (
                <option key={day} value={day}>
                  {toWords(day)}
                </option>
              ))}
            </select>
          )}
          <input
            aria-label="From"
            value={period.start}
            placeholder="22:00"
            onChange={({ target }) => change(place, { start: target.value })}
          />
          <span>to</span>
          <input
            aria-label="To"
            value={period.end}
            placeholder="07:00"
            onChange={({ target }) => change(place, { end: target.value })}
          />
          <IconButton
            icon="close"
            label={`Remove period ${place + 1}`}
            onClick={() => onChange(value.filter((_, index) => index !== place))}
          />
        </div>
      ))}
      {value.length === 0 && <p>No period: messages are not held for this.</p>}
      <Button
        onClick={() =>
          onChange([
            ...value,
            { start: "22:00", end: "07:00", ...(withWeekday && { weekday: "monday" }) },
          ])
        }
      >
        Add a period
      </Button>
      {fault !== undefined && (
        <p role="alert" className={styles.fault}>
          {fault}
        </p>
      )}
    </fieldset>
  );
}

import { useId, useState } from "react";
import { Button, IconButton } from "../parts/button.tsx";
import {
  emptyRow,
  filterOf,
  hasPath,
  operatorsOf,
  type Row,
  type Rows,
  rowsOf,
  suggestionsOf,
} from "./conditions.ts";
import type { Filter } from "./draft.ts";
import styles from "./editor.module.css";
import { operatorWords } from "../words/operators.ts";
import { describeFilter, subjectWords } from "./words.ts";

interface ConditionsEditorProps {
  /** The filter when the editor is first shown. Later ones are ignored: what is typed stays as it is. */
  filter: Filter | null;
  onChange: (filter: Filter | null) => void;
  fault: string | undefined;
}

/** Edits conditions as rows. Conditions that rows cannot show are only described, and edited as JSON. */
export function ConditionsEditor({ filter, onChange, fault }: ConditionsEditorProps) {
  const [edited, setEdited] = useState(() => rowsOf(filter));
  const change = (next: Rows) => {
    setEdited(next);
    onChange(filterOf(next));
  };
  return (
    <fieldset className={styles.group}>
      <legend>Applies to</legend>
      {edited === null ? (
        <>
          <p className={styles.row}>{describeFilter(filter)}</p>
          <p className="muted">These conditions are nested: edit them as JSON.</p>
        </>
      ) : (
        <>
          {edited.rows.length === 0 && (
            <p className="muted">Every message, as there is no condition.</p>
          )}
          {edited.rows.length > 1 && (
            <label>
              Messages for which{" "}
              <select
                value={edited.combine}
                onChange={({ target }) =>
                  change({ ...edited, combine: target.value as Rows["combine"] })
                }
              >
                <option value="all">all of these hold</option>
                <option value="any">any of these holds</option>
              </select>
            </label>
          )}
          <div className={styles.list}>
            {edited.rows.map((row, index) => (
              <ConditionRow
                // Rows have no identity of their own; what is typed is kept here.
                // oxlint-disable-next-line react/no-array-index-key
                key={index}
                row={row}
                number={index + 1}
                onChange={(next) => change({ ...edited, rows: edited.rows.with(index, next) })}
                onRemove={() => change({ ...edited, rows: edited.rows.toSpliced(index, 1) })}
              />
            ))}
          </div>
          <div>
            <Button onClick={() => change({ ...edited, rows: [...edited.rows, emptyRow] })}>
              Add a condition
            </Button>
          </div>
        </>
      )}
      {fault !== undefined && (
        <p role="alert" className={styles.fault}>
          {fault}
        </p>
      )}
    </fieldset>
  );
}

function ConditionRow({
  row,
  number,
  onChange,
  onRemove,
}: {
  row: Row;
  number: number;
  onChange: (row: Row) => void;
  onRemove: () => void;
}) {
  const id = useId();
  const { subject, path, operator, value } = row;
  const suggestions = suggestionsOf[subject];
  const label = (part: string) => ({ "aria-label": `Condition ${number}: ${part}` });
  return (
    <div className={styles.row}>
      <select
        {...label("what is compared")}
        value={subject}
        onChange={({ target }) => {
          const operators = operatorsOf[target.value]!;
          onChange({
            ...row,
            subject: target.value,
            operator: operators.includes(operator) ? operator : operators[0]!,
            value: "",
          });
        }}
      >
        {Object.entries(subjectWords).map(([name, words]) => (
          <option key={name} value={name}>
            {words}
          </option>
        ))}
      </select>
      {hasPath(subject) && (
        <input
          {...label("its key")}
          placeholder="key, or key.key"
          value={path}
          onChange={({ target }) => onChange({ ...row, path: target.value })}
        />
      )}
      <select
        {...label("how it is compared")}
        value={operator}
        onChange={({ target }) => onChange({ ...row, operator: target.value })}
      >
        {operatorsOf[subject]!.map((each) => (
          <option key={each} value={each}>
            {operatorWords[each]}
          </option>
        ))}
      </select>
      {operator === "exists" ? (
        <select
          {...label("value")}
          value={value === "no" ? "no" : "yes"}
          onChange={({ target }) => onChange({ ...row, value: target.value })}
        >
          <option value="yes">yes</option>
          <option value="no">no</option>
        </select>
      ) : (
        <input
          {...label("value")}
          list={suggestions ? id : undefined}
          placeholder={operator === "in" ? "one, another" : "value"}
          value={value}
          onChange={({ target }) => onChange({ ...row, value: target.value })}
        />
      )}
      {suggestions && (
        <datalist id={id}>
          {suggestions.map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
        </datalist>
      )}
      <IconButton icon="close" label={`Remove condition ${number}`} onClick={onRemove} />
    </div>
  );
}

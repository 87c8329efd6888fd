import { Button } from "../parts/button.tsx";
import { Field } from "../parts/form.tsx";
import type { Json, JsonObject } from "../parts/json-schema.ts";
import type { Faults } from "./use-preview.ts";
import styles from "./source-panel.module.css";

/** A message has at most this many buttons. */
const most = 4;

/** The buttons of a notification: each has a text and an address, both Liquid. */
export function Buttons({
  value,
  pointer,
  faults,
  onChange,
}: {
  value: Json | undefined;
  pointer: string;
  faults: Faults;
  onChange: (buttons: Json | undefined) => void;
}) {
  const buttons = (Array.isArray(value) ? value : []) as JsonObject[];
  const set = (next: JsonObject[]) => onChange(next.length === 0 ? undefined : next);
  const write = (index: number, changed: JsonObject) =>
    set(buttons.map((each, at) => (at === index ? { ...each, ...changed } : each)));
  return (
    <section className={styles.field} aria-label="Buttons">
      <h3>Buttons</h3>
      {buttons.map((button, index) => (
        // The buttons have no identity but their place.
        <div key={index} className={styles.button}>
          {(["label", "url"] as const).map((name) => (
            <Field
              key={name}
              label={name === "label" ? `Text of button ${index + 1}` : "Link"}
              error={faults.get(`${pointer}/${index}/${name}`)?.[0]?.message}
            >
              {(control) => (
                <input
                  {...control}
                  value={typeof button[name] === "string" ? button[name] : ""}
                  onChange={({ target }) => write(index, { [name]: target.value })}
                />
              )}
            </Field>
          ))}
          <Button kind="quiet" onClick={() => set(buttons.filter((_, at) => at !== index))}>
            Remove button {index + 1}
          </Button>
        </div>
      ))}
      {buttons.length < most && (
        <div>
          <Button onClick={() => set([...buttons, { label: "", url: "" }])}>Add a button</Button>
        </div>
      )}
    </section>
  );
}

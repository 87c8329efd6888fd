import { Button } from "../parts/button.tsx";
import { Check, Field, Fields } from "../parts/form.tsx";
import type { Json, JsonObject } from "./draft.ts";
import { sampleOf, type Schema, typeOf } from "./variables.ts";
import type { Faults } from "./use-preview.ts";
import styles from "./data-panel.module.css";

interface ValueProps {
  name: string;
  schema: Schema;
  /** Undefined where the data have no such value. */
  value: Json | undefined;
  /** The JSON pointer of the value in the request. */
  pointer: string;
  faults: Faults;
  isRequired: boolean;
  onChange: (value: Json | undefined) => void;
}

/** A form for the data of a message, made from the JSON Schema of the variables. */
export function DataForm({
  schema,
  data,
  faults,
  onChange,
}: {
  schema: Schema;
  data: JsonObject;
  faults: Faults;
  onChange: (data: JsonObject) => void;
}) {
  if (Object.keys(schema.properties ?? {}).length === 0)
    return (
      <p className="muted">There are no variables to fill in. Other data can be given as JSON.</p>
    );
  return (
    <Properties schema={schema} value={data} pointer="/data" faults={faults} onChange={onChange} />
  );
}

function Properties({
  schema,
  value,
  pointer,
  faults,
  onChange,
}: Pick<ValueProps, "schema" | "pointer" | "faults"> & {
  value: JsonObject;
  onChange: (value: JsonObject) => void;
}) {
  return (
    <Fields>
      {Object.entries(schema.properties ?? {}).map(([name, inner]) => (
        <Value
          key={name}
          name={name}
          schema={inner}
          value={value[name]}
          pointer={`${pointer}/${name}`}
          faults={faults}
          isRequired={schema.required?.includes(name) ?? false}
          onChange={(next) => {
            const { [name]: _before, ...others } = value;
            onChange(next === undefined ? others : { ...value, [name]: next });
          }}
        />
      ))}
    </Fields>
  );
}

function Value(props: ValueProps) {
  const { name, schema, value, pointer, faults, isRequired, onChange } = props;
  const label = `${schema.title ?? name}${isRequired ? "" : " (optional)"}`;
  const error = faults
    .get(pointer)
    ?.map(({ message }) => message)
    .join(" ");
  const field = { label, hint: schema.description, error };
  const type = typeOf(schema);
  if (type === "object" && !Array.isArray(value))
    return (
      <fieldset className={styles.group}>
        <legend>{label}</legend>
        <Properties
          schema={schema}
          value={typeof value === "object" && value !== null ? value : {}}
          pointer={pointer}
          faults={faults}
          onChange={onChange}
        />
      </fieldset>
    );
  if (type === "array" && schema.items)
    return <List {...props} items={schema.items} label={label} />;
  if (type === "boolean")
    return (
      <Check checked={value === true} onChange={({ target }) => onChange(target.checked)}>
        {label}
      </Check>
    );
  if (schema.enum)
    return (
      <Field {...field}>
        {(control) => (
          <select
            {...control}
            value={value === undefined ? "" : JSON.stringify(value)}
            onChange={({ target }) =>
              onChange(target.value === "" ? undefined : (JSON.parse(target.value) as Json))
            }
          >
            <option value="">none</option>
            {schema.enum?.map((each) => (
              <option key={JSON.stringify(each)} value={JSON.stringify(each)}>
                {typeof each === "string" ? each : JSON.stringify(each)}
              </option>
            ))}
          </select>
        )}
      </Field>
    );
  const isNumber = type === "number" || type === "integer";
  return (
    <Field {...field}>
      {(control) => (
        <input
          {...control}
          type={isNumber ? "number" : "text"}
          step={type === "integer" ? 1 : "any"}
          value={typeof value === "string" || typeof value === "number" ? value : ""}
          onChange={({ target }) => {
            if (target.value === "" && (isNumber || !isRequired)) return onChange(undefined);
            onChange(isNumber ? Number(target.value) : target.value);
          }}
        />
      )}
    </Field>
  );
}

function List({
  items,
  label,
  value,
  pointer,
  faults,
  onChange,
}: ValueProps & { items: Schema; label: string }) {
  const list = Array.isArray(value) ? value : [];
  return (
    <fieldset className={styles.group}>
      <legend>{label}</legend>
      {list.map((item, index) => (
        // The items have no identity but their place.
        <div key={index} className={styles.item}>
          <Value
            name={`Item ${index + 1}`}
            schema={items}
            value={item}
            pointer={`${pointer}/${index}`}
            faults={faults}
            isRequired
            onChange={(next) =>
              onChange(list.map((each, at) => (at === index ? (next ?? null) : each)))
            }
          />
          <Button kind="quiet" onClick={() => onChange(list.filter((_, at) => at !== index))}>
            Remove item {index + 1}
          </Button>
        </div>
      ))}
      <div>
        <Button onClick={() => onChange([...list, sampleOf(items, "item")])}>Add an item</Button>
      </div>
    </fieldset>
  );
}

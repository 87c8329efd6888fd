import { toWords } from "../words/statuses.ts";
import { Button } from "./button.tsx";
import { Field, Fields } from "./form.tsx";
import { JsonField } from "./json-field.tsx";
import { type Json, type JsonObject, sampleOf, type Schema, typeOf } from "./json-schema.ts";
import styles from "./data-form.module.css";

/** Says what is wrong with the value at a JSON pointer of the request. */
type FaultOf = (pointer: string) => string | undefined;

interface DataFormProps {
  /** The JSON Schema of an object. */
  schema: Schema;
  data: JsonObject;
  /** The JSON pointer of the data in the request. */
  at: string;
  faultOf: FaultOf;
  onChange: (data: JsonObject) => void;
}

/** A form for data that a JSON Schema describes. What it describes no field for is edited as JSON. Values that are emptied are left out. */
export const DataForm = ({ schema, data, at, faultOf, onChange }: DataFormProps) => (
  <Fields>
    {Object.entries(schema.properties ?? {}).map(([name, inner]) => (
      <Value
        key={name}
        name={name}
        schema={inner}
        value={data[name]}
        at={`${at}/${name}`}
        faultOf={faultOf}
        isRequired={schema.required?.includes(name) ?? false}
        onChange={(next) => {
          const { [name]: _before, ...others } = data;
          onChange(next === undefined ? others : { ...data, [name]: next });
        }}
      />
    ))}
  </Fields>
);

interface ValueProps {
  name: string;
  schema: Schema;
  /** Undefined where the data have no such value. */
  value: Json | undefined;
  at: string;
  faultOf: FaultOf;
  isRequired: boolean;
  onChange: (value: Json | undefined) => void;
}

function Value(props: ValueProps) {
  const { name, schema, value, at, faultOf, isRequired, onChange } = props;
  const label = `${schema.title ?? toWords(name)}${isRequired ? "" : " (optional)"}`;
  const type = typeOf(schema);
  if (type === "object" && schema.properties && !Array.isArray(value))
    return (
      <fieldset className={styles.group}>
        <legend>{label}</legend>
        <DataForm
          schema={schema}
          data={typeof value === "object" && value !== null ? value : {}}
          at={at}
          faultOf={faultOf}
          onChange={(next) =>
            onChange(!isRequired && Object.keys(next).length === 0 ? undefined : next)
          }
        />
      </fieldset>
    );
  if (type === "array" && schema.items)
    return <List {...props} items={schema.items} label={label} />;
  const field = { label, hint: schema.description };
  const fault = faultOf(at);
  if (type === "object" || type === "array")
    return (
      <JsonField
        {...field}
        label={`${label}, as JSON`}
        fault={fault}
        value={value}
        onChange={(next) => onChange(next as Json | undefined)}
      />
    );
  const choices: Json[] | null = schema.enum ?? (type === "boolean" ? [true, false] : null);
  return (
    <Field {...field} error={fault}>
      {(control) =>
        choices ? (
          <select
            {...control}
            value={choices.findIndex((choice) => choice === value)}
            onChange={({ target }) => onChange(choices[Number(target.value)])}
          >
            <option value={-1}>–</option>
            {choices.map((choice, index) => (
              <option key={toText(choice)} value={index}>
                {typeof choice === "boolean" ? (choice ? "Yes" : "No") : toText(choice)}
              </option>
            ))}
          </select>
        ) : (
          <TextInput control={control} schema={schema} value={value} onChange={onChange} />
        )
      }
    </Field>
  );
}

const toText = (value: Json | undefined): string =>
  value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value);

function TextInput({
  control,
  schema,
  value,
  onChange,
}: Pick<ValueProps, "schema" | "value" | "onChange"> & { control: object }) {
  const isNumber = ["number", "integer"].includes(typeOf(schema));
  const change = (typed: string) => {
    if (typed === "") return onChange(undefined);
    // What is no number stays as it was typed, and the API says so at the field.
    onChange(isNumber && /^-?\d+(\.\d+)?$/.test(typed) ? Number(typed) : typed);
  };
  const shared = { ...control, value: toText(value), placeholder: toText(schema.examples?.[0]) };
  return !isNumber && (schema.maxLength ?? 0) > 200 ? (
    <textarea {...shared} onChange={({ target }) => change(target.value)} />
  ) : (
    <input
      {...shared}
      type={schema.format === "date" ? "date" : "text"}
      inputMode={isNumber ? "decimal" : undefined}
      autoComplete="off"
      onChange={({ target }) => change(target.value)}
    />
  );
}

function List({
  items,
  label,
  value,
  at,
  faultOf,
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
            at={`${at}/${index}`}
            faultOf={faultOf}
            isRequired
            onChange={(next) =>
              onChange(list.map((each, place) => (place === index ? (next ?? null) : each)))
            }
          />
          <Button kind="quiet" onClick={() => onChange(list.filter((_, place) => place !== index))}>
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

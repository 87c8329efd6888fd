import { useState } from "react";
import { Field } from "../parts/form.tsx";
import { toWords } from "../words/statuses.ts";
import styles from "./builder.module.css";

/** The parts of the JSON Schema of a template's variables that the form uses. */
export interface VariableSchema {
  type?: string | string[];
  title?: string;
  description?: string;
  examples?: unknown[];
  enum?: unknown[];
  format?: string;
  maxLength?: number;
  properties?: Record<string, VariableSchema>;
  required?: string[];
}

interface VariablesFormProps {
  schema: VariableSchema;
  data: Record<string, unknown>;
  onChange: (data: Record<string, unknown>) => void;
  /** The JSON pointer of the data. */
  at: string;
  faultOf: (pointer: string) => string | undefined;
}

/** A field for each variable that a template version describes. */
export function VariablesForm({ schema, data, onChange, at, faultOf }: VariablesFormProps) {
  const { properties = {}, required = [] } = schema;
  const names = Object.keys(properties);
  if (names.length === 0)
    return (
      <JsonField
        label="Variables (JSON)"
        hint="The version does not describe its variables."
        value={data}
        onChange={(value) => onChange((value ?? {}) as Record<string, unknown>)}
        fault={faultOf(at)}
      />
    );
  const set = (name: string, value: unknown) => {
    const { [name]: _before, ...rest } = data;
    onChange(value === undefined ? rest : { ...rest, [name]: value });
  };
  return names.map((name) => {
    const variable = properties[name]!;
    const pointer = `${at}/${name}`;
    const label = variable.title ?? toWords(name);
    if (variable.properties)
      return (
        <fieldset key={name} className={styles.nested}>
          <legend>{label}</legend>
          <VariablesForm
            schema={variable}
            data={(data[name] ?? {}) as Record<string, unknown>}
            onChange={(value) => set(name, Object.keys(value).length === 0 ? undefined : value)}
            at={pointer}
            faultOf={faultOf}
          />
        </fieldset>
      );
    return (
      <VariableField
        key={name}
        label={required.includes(name) ? label : `${label} (optional)`}
        variable={variable}
        value={data[name]}
        onChange={(value) => set(name, value)}
        fault={faultOf(pointer)}
      />
    );
  });
}

const toText = (value: unknown): string =>
  value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value);

interface VariableFieldProps {
  label: string;
  variable: VariableSchema;
  value: unknown;
  onChange: (value: unknown) => void;
  fault: string | undefined;
}

function VariableField({ label, variable, value, onChange, fault }: VariableFieldProps) {
  const types = [variable.type ?? "string"].flat();
  const choices = variable.enum ?? (types.includes("boolean") ? [true, false] : null);
  const [example] = variable.examples ?? [];
  const hint = variable.description;
  if (types.some((type) => type === "object" || type === "array"))
    return (
      <JsonField
        label={`${label}, as JSON`}
        hint={hint}
        value={value}
        onChange={onChange}
        fault={fault}
      />
    );
  return (
    <Field label={label} hint={hint} error={fault}>
      {(control) => {
        if (choices)
          return (
            <select
              {...control}
              value={choices.indexOf(value)}
              onChange={({ target }) => onChange(choices[Number(target.value)])}
            >
              <option value={-1}>—</option>
              {choices.map((choice, index) => (
                <option key={JSON.stringify(choice)} value={index}>
                  {typeof choice === "boolean" ? (choice ? "Yes" : "No") : String(choice)}
                </option>
              ))}
            </select>
          );
        const isNumber = types.includes("number") || types.includes("integer");
        const shared = {
          ...control,
          value: toText(value),
          placeholder: toText(example),
        };
        if (!isNumber && (variable.maxLength ?? 0) > 200)
          return (
            <textarea
              {...shared}
              onChange={({ target }) => onChange(target.value === "" ? undefined : target.value)}
            />
          );
        return (
          <input
            {...shared}
            type={variable.format === "date" ? "date" : "text"}
            inputMode={isNumber ? "decimal" : undefined}
            autoComplete="off"
            onChange={({ target: { value: typed } }) => {
              if (typed === "") return onChange(undefined);
              // What is no number stays as it was typed, and the API says so at the field.
              onChange(isNumber && /^-?\d+(\.\d+)?$/.test(typed) ? Number(typed) : typed);
            }}
          />
        );
      }}
    </Field>
  );
}

interface JsonFieldProps {
  label: string;
  hint?: string | undefined;
  value: unknown;
  onChange: (value: unknown) => void;
  fault?: string | undefined;
}

/** A value as JSON. What is not JSON stays as it was typed, and changes nothing. */
export function JsonField({ label, hint, value, onChange, fault }: JsonFieldProps) {
  const [typed, setTyped] = useState<string | null>(null);
  const [isBroken, setBroken] = useState(false);
  return (
    <Field label={label} hint={hint} error={isBroken ? "This is not JSON yet." : fault}>
      {(control) => (
        <textarea
          {...control}
          className="mono"
          spellCheck={false}
          value={typed ?? (value === undefined ? "" : JSON.stringify(value, null, 2))}
          onChange={({ target }) => {
            setTyped(target.value);
            try {
              onChange(target.value.trim() === "" ? undefined : JSON.parse(target.value));
              setBroken(false);
            } catch {
              setBroken(true);
            }
          }}
          onBlur={() => !isBroken && setTyped(null)}
        />
      )}
    </Field>
  );
}

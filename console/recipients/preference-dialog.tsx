import { useId, useState } from "react";
import { type Channel, channels } from "../../domain/channel.ts";
import { ApiProblem } from "../api/problem.ts";
import { Button, IconButton } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Check, Field, Fields } from "../parts/form.tsx";
import { ProblemBanner } from "../parts/states.tsx";
import { ThreeWay } from "../parts/three-way.tsx";
import { findDifferences } from "../parts/three-way-merge.ts";
import { channelWords, toWords } from "../words/statuses.ts";
import { PeriodsField } from "./periods-field.tsx";
import { type Control, describeValue } from "./preference-words.ts";

interface PreferenceDialogProps {
  name: string;
  path: string;
  control: Control;
  value: unknown;
  range: { minimum: number; maximum: number } | null;
  onSave: (value: unknown) => Promise<void>;
  onClose: () => void;
}

/** Edits one preference. What the API finds wrong with it is shown at its field. */
export function PreferenceDialog(props: PreferenceDialogProps) {
  const { name, path, control, onSave, onClose } = props;
  const [base] = useState(props.value);
  const [value, setValue] = useState(props.value);
  const [error, setError] = useState<unknown>(null);
  const [isSaving, setSaving] = useState(false);
  const form = useId();
  const faults = error instanceof ApiProblem ? (error.details?.errors ?? []) : [];
  const prefix = `/${path.replaceAll(".", "/")}`;
  const own = faults.filter(({ field }) => field.startsWith(prefix));
  const fault = own.map(({ message }) => message).join("; ") || undefined;
  const save = async () => {
    setSaving(true);
    setError(null);
    try {
      await onSave(value);
      onClose();
    } catch (failure) {
      setError(failure);
      setSaving(false);
    }
  };
  const hasChanged = error instanceof ApiProblem && error.status === 412;
  const differences = findDifferences(
    { [path]: base },
    { [path]: value },
    { [path]: props.value },
    (one, other) => JSON.stringify(one) === JSON.stringify(other),
  );
  if (hasChanged && differences.some(({ by }) => by === "both"))
    return (
      <ThreeWay
        differences={differences}
        nameOf={() => name}
        describe={(each) => describeValue(control, each)}
        onClose={onClose}
        onMerge={(chosen) => (chosen[path] === "mine" ? void save() : onClose())}
      />
    );
  return (
    <Dialog
      title={name}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" form={form} needs="sender" disabled={isSaving}>
            Save
          </Button>
        </>
      }
    >
      <form
        id={form}
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <Fields>
          {hasChanged ? (
            <p role="alert">
              Somebody has changed other preferences since you opened this. What you typed is kept:
              save again to add it to theirs.
            </p>
          ) : (
            error !== null && fault === undefined && <ProblemBanner error={error} />
          )}
          <Editor {...props} control={control} value={value} fault={fault} onChange={setValue} />
        </Fields>
      </form>
    </Dialog>
  );
}

interface EditorProps {
  name: string;
  control: Control;
  value: unknown;
  range: { minimum: number; maximum: number } | null;
  fault: string | undefined;
  onChange: (value: unknown) => void;
}

function Editor({ name, control, value, range, fault, onChange }: EditorProps) {
  switch (control.kind) {
    case "switch":
      return (
        <Check checked={value === true} onChange={({ target }) => onChange(target.checked)}>
          {name}
        </Check>
      );
    case "number":
      return (
        <Field
          label={name}
          hint={range ? `From ${range.minimum} to ${range.maximum} ${control.of}` : control.of}
          error={fault}
        >
          {(field) => (
            <input
              {...field}
              type="number"
              value={Number.isNaN(value) ? "" : String(value)}
              onChange={({ target }) => onChange(target.valueAsNumber)}
            />
          )}
        </Field>
      );
    case "choice":
      return (
        <Field label={name} error={fault}>
          {(field) => (
            <select
              {...field}
              value={String(value)}
              onChange={({ target }) => onChange(target.value)}
            >
              {control.values.map((each) => (
                <option key={each} value={each}>
                  {toWords(each)}
                </option>
              ))}
            </select>
          )}
        </Field>
      );
    case "time":
      return (
        <Field label={name} hint="By the recipient’s clock, a quarter hour" error={fault}>
          {(field) => (
            <input
              {...field}
              type="time"
              step={900}
              value={String(value)}
              onChange={({ target }) => onChange(target.value)}
            />
          )}
        </Field>
      );
    case "order":
      return <OrderField value={value as Channel[]} onChange={onChange} />;
    case "periods":
      return (
        <PeriodsField
          value={value as { start: string; end: string; weekday?: string }[]}
          withWeekday={control.withWeekday}
          fault={fault}
          onChange={onChange}
        />
      );
  }
}

/** Channels in the order of preference. Moving one up is enough to reach any order. */
function OrderField({
  value,
  onChange,
}: {
  value: readonly Channel[];
  onChange: (value: Channel[]) => void;
}) {
  const order = [...value, ...channels.filter((channel) => !value.includes(channel))];
  const raise = (place: number) => {
    const next = [...order];
    [next[place - 1], next[place]] = [next[place]!, next[place - 1]!];
    onChange(next);
  };
  return (
    <ol>
      {order.map((channel, place) => (
        <li key={channel}>
          <IconButton
            icon="sort"
            disabled={place === 0}
            label={`Move ${channelWords[channel]} up`}
            onClick={() => raise(place)}
          />{" "}
          {place + 1}. {channelWords[channel]}
        </li>
      ))}
    </ol>
  );
}

import { useState } from "react";
import { Field } from "./form.tsx";

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

import { useState } from "react";
import { Field } from "../parts/form.tsx";
import { Panel } from "../parts/page.tsx";
import type { Faults } from "./use-preview.ts";
import styles from "./name-fields.module.css";

interface Named {
  name: string;
  key: string;
}

/** The name and the key of something new. The key follows from the name until it is typed. */
export function NameFields({
  named,
  onChange,
  faults,
}: {
  named: Named;
  onChange: (named: Named) => void;
  faults: Faults;
}) {
  const [isKeyOwn, setKeyOwn] = useState(false);
  return (
    <div className={styles.named}>
      <Panel>
        <div className={styles.fields}>
          <Field label="Name" error={faults.get("/name")?.[0]?.message}>
            {(control) => (
              <input
                {...control}
                autoComplete="off"
                value={named.name}
                onChange={({ target: { value: name } }) =>
                  onChange({ name, key: isKeyOwn ? named.key : keyOf(name) })
                }
              />
            )}
          </Field>
          <Field
            label="Key"
            hint="By which it is named in requests. It cannot be changed later."
            error={faults.get("/key")?.[0]?.message}
          >
            {(control) => (
              <input
                {...control}
                autoComplete="off"
                value={named.key}
                onChange={({ target: { value: key } }) => {
                  setKeyOwn(key !== "");
                  onChange({ ...named, key });
                }}
              />
            )}
          </Field>
        </div>
      </Panel>
    </div>
  );
}

/** Makes a key of a name: `Order shipped` becomes `order-shipped`. */
const keyOf = (name: string) =>
  name
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 100);

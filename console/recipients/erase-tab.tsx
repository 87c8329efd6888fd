import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { Button } from "../parts/button.tsx";
import { Field } from "../parts/form.tsx";
import { Panel } from "../parts/page.tsx";
import { ProblemBanner } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import { eraseRecipient } from "./actions.ts";
import fields from "../parts/form.module.css";
import styles from "./erase-tab.module.css";

/** Erases the recipient for good. */
export function EraseTab({ id }: { id: string }) {
  const navigate = useNavigate();
  const client = useQueryClient();
  const [typed, setTyped] = useState("");
  const [error, setError] = useState<unknown>(null);
  const [isErasing, setErasing] = useState(false);
  const isConfirmed = typed.trim() === id;
  const erase = async () => {
    setErasing(true);
    setError(null);
    try {
      await eraseRecipient(id);
    } catch (failure) {
      setError(failure);
      setErasing(false);
      return;
    }
    client.removeQueries({ predicate: ({ queryKey }) => queryKey.includes(id) });
    void client.invalidateQueries({ queryKey: ["recipients"] });
    showToast("The recipient is erased.");
    void navigate({ to: "/recipients" });
  };
  return (
    <Panel title="Erase this recipient">
      <div className={styles.erase}>
        <p>
          <strong>This cannot be undone.</strong> Erasing a recipient
        </p>
        <ul className={styles.effects}>
          <li>deletes their external id, addresses, attributes, preferences and devices,</li>
          <li>cancels every message that waits for them, and makes all their links invalid,</li>
          <li>
            removes their addresses and external id from filters, stored responses and the audit
            trail,
          </li>
          <li>
            keeps what is counted: deliveries stay in the figures, without a person. A suppressed
            address stays suppressed, as a hash.
          </li>
        </ul>
        {error !== null && <ProblemBanner error={error} />}
        <div className={fields.fields}>
          <Field label={`Type ${id} to confirm`}>
            {(control) => (
              <input
                {...control}
                value={typed}
                autoComplete="off"
                spellCheck={false}
                onChange={({ target }) => setTyped(target.value)}
              />
            )}
          </Field>
        </div>
        <Button
          kind="danger"
          needs="admin"
          disabled={!isConfirmed || isErasing}
          onClick={() => void erase()}
        >
          Erase the recipient
        </Button>
      </div>
    </Panel>
  );
}

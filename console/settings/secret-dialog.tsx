import { useState } from "react";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Check } from "../parts/form.tsx";
import { CopyButton } from "../parts/states.tsx";
import type { KeyWithSecret } from "./queries.ts";
import styles from "./settings.module.css";

/** Shows a secret once. It cannot be closed by accident, because nobody can show the secret again. */
export function SecretDialog({ made, onClose }: { made: KeyWithSecret; onClose: () => void }) {
  const [isStored, setStored] = useState(false);
  const [isReminded, setReminded] = useState(false);
  const close = () => (isStored ? onClose() : setReminded(true));
  return (
    <Dialog
      title={`The secret of ${made.name}`}
      onClose={close}
      footer={
        <Button kind="primary" disabled={!isStored} onClick={close}>
          Done
        </Button>
      }
    >
      <p>
        This is the only time that it is shown: only a hash of it is stored. Put it where the person
        or the service finds it, such as a password manager.
      </p>
      <p className={styles.secret}>
        <code>{made.secret}</code>
        <CopyButton text={made.secret} label="Copy the secret" />
      </p>
      <Check checked={isStored} onChange={({ target }) => setStored(target.checked)}>
        I have stored the secret
      </Check>
      {isReminded && !isStored && (
        <p role="alert" className={styles.fault}>
          Store the secret first, and then say so above: it cannot be shown again.
        </p>
      )}
    </Dialog>
  );
}

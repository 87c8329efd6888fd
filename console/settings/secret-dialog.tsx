import { type ReactNode, useState } from "react";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Check } from "../parts/form.tsx";
import { CopyButton } from "../parts/states.tsx";
import styles from "./settings.module.css";

/** Shows a secret once. It cannot be closed by accident, because nobody can show the secret again. */
export function SecretDialog({
  made,
  onClose,
  children,
}: {
  made: { name: string; secret: string };
  onClose: () => void;
  /** Why it is shown only once, and where it belongs. */
  children: ReactNode;
}) {
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
      <p>{children}</p>
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

import { useState } from "react";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Field, Fields } from "../parts/form.tsx";
import { Instant } from "../parts/instant.tsx";
import { CopyButton, ProblemBanner } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import { formatNoun } from "../words/numbers.ts";
import { issueToken, revokeLinks } from "./actions.ts";
import styles from "./link-dialog.module.css";

const daySeconds = 86_400;
const choices = [1, 7, 30, 90];

/** Creates a token with which the recipient manages their preferences, and revokes all that exist. */
export function LinkDialog({ recipient, onClose }: { recipient: string; onClose: () => void }) {
  const [days, setDays] = useState(7);
  const [made, setMade] = useState<{ token: string; expiresAt: string } | null>(null);
  const [error, setError] = useState<unknown>(null);
  const attempt = async (work: () => Promise<void>) => {
    setError(null);
    try {
      await work();
    } catch (failure) {
      setError(failure);
    }
  };
  const revoke = async () => {
    await revokeLinks(recipient);
    setMade(null);
    showToast("All links and tokens of the recipient are invalid now.");
  };
  return (
    <Dialog
      title="Token for preferences"
      onClose={onClose}
      footer={
        <>
          <Button kind="danger" needs="sender" onClick={() => void attempt(revoke)}>
            Revoke all links
          </Button>
          {made ? (
            <Button kind="primary" onClick={onClose}>
              Done
            </Button>
          ) : (
            <Button
              kind="primary"
              needs="sender"
              onClick={() =>
                void attempt(async () => setMade(await issueToken(recipient, days * daySeconds)))
              }
            >
              Create a token
            </Button>
          )}
        </>
      }
    >
      <div className={styles.content}>
        {error !== null && <ProblemBanner error={error} />}
        {made ? (
          <>
            <p>
              Give it to the recipient only. It is shown once, and is valid until{" "}
              <Instant at={made.expiresAt} />.
            </p>
            <p className={styles.token}>
              <code>{made.token}</code>
              <CopyButton text={made.token} label="Copy the token" />
            </p>
          </>
        ) : (
          <>
            <p>
              Everybody who has the token can read and change the preferences of the recipient, and
              see what waits for them, without signing in.
            </p>
            <Fields>
              <Field label="Valid for">
                {(control) => (
                  <select
                    {...control}
                    value={days}
                    onChange={({ target }) => setDays(Number(target.value))}
                  >
                    {choices.map((each) => (
                      <option key={each} value={each}>
                        {formatNoun(each, "day")}
                      </option>
                    ))}
                  </select>
                )}
              </Field>
            </Fields>
          </>
        )}
      </div>
    </Dialog>
  );
}

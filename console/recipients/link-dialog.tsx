import { useState } from "react";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Field, Fields } from "../parts/form.tsx";
import { Instant } from "../parts/instant.tsx";
import { CopyButton, ProblemBanner } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import { formatNoun } from "../words/numbers.ts";
import { createPreferenceLink, issueToken, revokeLinks } from "./actions.ts";
import styles from "./link-dialog.module.css";

const daySeconds = 86_400;
const choices = [1, 7, 30, 90];

/** Creates a link to the preference centre of a recipient, or a token for an application of theirs, and revokes all that exist. */
export function LinkDialog({ recipient, onClose }: { recipient: string; onClose: () => void }) {
  const [days, setDays] = useState(7);
  const [made, setMade] = useState<{
    noun: "link" | "token";
    text: string;
    expiresAt: string;
  } | null>(null);
  const [error, setError] = useState<unknown>(null);
  const attempt = async (work: () => Promise<void>) => {
    setError(null);
    try {
      await work();
    } catch (failure) {
      setError(failure);
    }
  };
  const makeLink = async () => {
    const { url, expiresAt } = await createPreferenceLink(recipient);
    setMade({ noun: "link", text: url, expiresAt });
  };
  const makeToken = async () => {
    const { token, expiresAt } = await issueToken(recipient, days * daySeconds);
    setMade({ noun: "token", text: token, expiresAt });
  };
  const revoke = async () => {
    await revokeLinks(recipient);
    setMade(null);
    showToast("All links and tokens of the recipient are invalid now.");
  };
  return (
    <Dialog
      title="Link to preferences"
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
            <>
              <Button needs="sender" onClick={() => void attempt(makeToken)}>
                Create a token
              </Button>
              <Button kind="primary" needs="sender" onClick={() => void attempt(makeLink)}>
                Create a link
              </Button>
            </>
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
              <code>{made.text}</code>
              <CopyButton text={made.text} label={`Copy the ${made.noun}`} />
            </p>
          </>
        ) : (
          <>
            <p>
              Everybody who has the link or the token can read and change the preferences of the
              recipient, and see what waits for them, without signing in.
            </p>
            <p>
              The link opens the preference centre for 90 days. One that an administrator creates
              within ten minutes of signing in also allows the recipient to download and erase
              everything, for a day. A token is for an application that shows the preferences
              itself.
            </p>
            <Fields>
              <Field label="A token is valid for">
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

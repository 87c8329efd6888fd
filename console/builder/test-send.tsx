import { useMutation } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { Button } from "../parts/button.tsx";
import { Field } from "../parts/form.tsx";
import { Icon } from "../parts/icon.tsx";
import { ProblemBanner } from "../parts/states.tsx";
import styles from "./builder.module.css";
import { useParts } from "./context.ts";
import { faultsOf } from "./problems.ts";
import { sendTest } from "./queries.ts";

/** Sends the message to one recipient, as a test. */
export function TestSend() {
  const { draft, isTested, markTested } = useParts();
  const [recipient, setRecipient] = useState("");
  const key = useRef(crypto.randomUUID());
  const send = useMutation({
    mutationFn: () => sendTest(draft.template!, draft.data, recipient.trim(), key.current),
    onSuccess: () => {
      markTested();
      key.current = crypto.randomUUID();
    },
  });
  const fault = faultsOf(send.error).find(({ field }) => field === "/recipient")?.message;
  return (
    <div className={styles.stack}>
      <h3>Test message</h3>
      <p className={isTested ? styles.good : "muted"}>
        <Icon name={isTested ? "check" : "warning"} />{" "}
        {isTested
          ? "A test of this message was sent."
          : "No test was sent since the message was last edited."}
      </p>
      <form
        className={styles.inline}
        onSubmit={(event) => {
          event.preventDefault();
          if (recipient.trim() !== "" && draft.template) send.mutate();
        }}
      >
        <Field label="To the recipient" hint="An external id, or rcp_…" error={fault}>
          {(control) => (
            <input
              {...control}
              autoComplete="off"
              value={recipient}
              onChange={({ target }) => setRecipient(target.value)}
            />
          )}
        </Field>
        <Button
          type="submit"
          icon="send"
          needs="sender"
          disabled={send.isPending || recipient.trim() === "" || draft.template === null}
        >
          Send a test
        </Button>
      </form>
      {send.error && fault === undefined && <ProblemBanner error={send.error} />}
    </div>
  );
}

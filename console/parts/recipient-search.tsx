import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";
import { prefixOf } from "../shell/url.ts";
import { Button } from "./button.tsx";
import { shortenId } from "./short-id.tsx";
import { ProblemBanner } from "./states.tsx";
import styles from "./recipient-search.module.css";

/** The shortest text that recipients are searched for. */
const shortest = 3;
const shown = 8;

interface RecipientSearchProps {
  label: string;
  /** Whether it takes the focus when it is shown in a dialog. */
  hasFocus?: boolean;
  /** A recipient was chosen: rcp_… */
  onChoose: (id: string) => void;
}

/** Finds a recipient by id, external id, email address or phone number, and has one chosen. */
export function RecipientSearch({ label, hasFocus = false, onChoose }: RecipientSearchProps) {
  const [typed, setTyped] = useState("");
  const [text, setText] = useState("");
  const id = useId();
  const found = useQuery({
    queryKey: ["recipients", "search", text],
    enabled: text.length >= shortest,
    queryFn: async ({ signal }) =>
      (
        await answerOf(
          api.v1.recipients.$get(
            { query: { q: text, limit: String(shown) } },
            { init: { signal } },
          ),
        )
      ).items,
  });
  const choose = (recipient: string) => {
    setTyped("");
    setText("");
    onChoose(recipient);
  };
  const search = () => {
    const wanted = typed.trim();
    if (prefixOf(wanted) === "rcp") choose(wanted);
    else setText(wanted);
  };
  const isShort = text !== "" && text.length < shortest;
  return (
    <div className={styles.search} role="search" aria-label={label}>
      <label htmlFor={id}>{label}</label>
      <div className={styles.line}>
        <input
          id={id}
          // A dialog gives the focus to what has this attribute, which React leaves out.
          ref={(element) => void element?.toggleAttribute("autofocus", hasFocus)}
          value={typed}
          placeholder="Id, email address or phone"
          autoComplete="off"
          spellCheck={false}
          onKeyDown={(event) => {
            // The field may be within a form, which Enter must not submit.
            if (event.key !== "Enter") return;
            event.preventDefault();
            search();
          }}
          onInput={({ currentTarget }: FormEvent<HTMLInputElement>) =>
            setTyped(currentTarget.value)
          }
        />
        <Button icon="search" onClick={search}>
          Find
        </Button>
      </div>
      <div role="status">
        {isShort && <p className="muted">Enter at least {shortest} characters.</p>}
        {found.isFetching && <p className="muted">Searching…</p>}
        {found.data?.length === 0 && !isShort && (
          <p className="muted">No recipient has that in an id or an address.</p>
        )}
      </div>
      {found.error && <ProblemBanner error={found.error} retry={() => void found.refetch()} />}
      {found.data && found.data.length > 0 && (
        <ul className={styles.found} aria-label="Recipients found">
          {found.data.map((recipient) => (
            <li key={recipient.id}>
              <button type="button" onClick={() => choose(recipient.id)}>
                <strong>{recipient.externalId}</strong>
                <span className="muted">{recipient.email ?? "no email address"}</span>
                <span className={`mono ${styles.id}`}>{shortenId(recipient.id)}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

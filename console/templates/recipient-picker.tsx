import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useDeferredValue, useState } from "react";
import { Dialog } from "../parts/dialog.tsx";
import { Field } from "../parts/form.tsx";
import { ShortId, shortenId } from "../parts/short-id.tsx";
import { ProblemBanner } from "../parts/states.tsx";
import { recipientQuery, recipientSearchQuery, shortestSearch } from "./queries.ts";
import styles from "./recipient-picker.module.css";

/** A recipient as people know them: by the external id, otherwise by their own. */
export function RecipientName({ id }: { id: string }) {
  const { data, error } = useQuery(recipientQuery(id));
  if (error) return <ShortId id={id} />;
  return data?.externalId == null ? (
    <ShortId id={id} />
  ) : (
    <strong title={id}>{data.externalId}</strong>
  );
}

/** Finds recipients by a part of their external id, address or phone number. */
export function RecipientSearch({ onChoose }: { onChoose: (id: string) => void }) {
  const [typed, setTyped] = useState("");
  const q = useDeferredValue(typed.trim());
  const { data, error, isPlaceholderData } = useQuery({
    ...recipientSearchQuery(q),
    placeholderData: keepPreviousData,
  });
  const isSearching = q.length >= shortestSearch;
  return (
    <>
      <Field
        label="Find a recipient"
        hint={`A part of the external id, email address or phone number, at least ${shortestSearch} characters`}
      >
        {(control) => (
          <input
            {...control}
            type="search"
            autoComplete="off"
            // The dialog gives the focus to what has this attribute, which React leaves out.
            ref={(element) => element?.setAttribute("autofocus", "")}
            value={typed}
            onChange={({ target }) => setTyped(target.value)}
          />
        )}
      </Field>
      {error && <ProblemBanner error={error} />}
      <div role="status">
        {isSearching && data?.items.length === 0 && <p className="muted">No recipient matches.</p>}
      </div>
      {isSearching && data && (
        <ul className={styles.found} aria-busy={isPlaceholderData}>
          {data.items.map(({ id, externalId, email, locale }) => (
            <li key={id}>
              <button type="button" onClick={() => onChoose(id)}>
                <strong>{externalId ?? shortenId(id)}</strong>
                <span className="muted">{email ?? "no email address"}</span>
                <span className="muted">{locale}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

/** A dialog in which a recipient is chosen. */
export const RecipientPicker = ({
  onChoose,
  onClose,
}: {
  onChoose: (id: string) => void;
  onClose: () => void;
}) => (
  <Dialog title="Preview for a recipient" onClose={onClose}>
    <RecipientSearch onChoose={onChoose} />
  </Dialog>
);

// The palette follows the combobox pattern of the ARIA practices, for which HTML has no elements.
// oxlint-disable jsx-a11y/no-noninteractive-element-to-interactive-role
import { type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { Icon } from "../parts/icon.tsx";
import { type Entry, useEntries } from "./palette-entries.ts";
import styles from "./palette.module.css";

/** How long typing has to pause before the API is searched. */
const pauseMs = 200;

/** Finds pages, actions, saved views, ids, and everything that has a name, by typing. */
export function Palette({ onClose, onSaveView }: { onClose: () => void; onSaveView: () => void }) {
  const [typed, setTyped] = useState("");
  const [place, setPlace] = useState(0);
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  const entries = useEntries({ typed, searched: useCalm(typed.trim()), onSaveView });
  const active = entries[Math.min(place, entries.length - 1)];
  useEffect(() => {
    const before = document.activeElement;
    dialog.current!.showModal();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  useEffect(() => {
    document.getElementById(`${id}-${place}`)?.scrollIntoView({ block: "nearest" });
  }, [id, place]);

  const choose = (entry: Entry | undefined) => {
    if (!entry) return;
    onClose();
    entry.act();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1 };
    const step = steps[event.key];
    if (step !== undefined && entries.length > 0)
      setPlace((Math.min(place, entries.length - 1) + step + entries.length) % entries.length);
    else if (event.key === "Enter") choose(active);
    else return;
    event.preventDefault();
  };
  return (
    // A press on what is around the dialog closes it, as Esc does.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <dialog
      ref={dialog}
      className={styles.palette}
      aria-label="Search or go to"
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onMouseDown={(event) => event.target === event.currentTarget && onClose()}
    >
      <div className={styles.field}>
        <Icon name="search" />
        <input
          type="text"
          role="combobox"
          aria-expanded="true"
          aria-controls={`${id}-list`}
          aria-activedescendant={active && `${id}-${entries.indexOf(active)}`}
          aria-label="Search or go to"
          placeholder="A page, an action, a name or an id"
          autoComplete="off"
          spellCheck={false}
          autoFocus
          value={typed}
          onChange={({ target }) => {
            setTyped(target.value);
            setPlace(0);
          }}
          onKeyDown={onKeyDown}
        />
      </div>
      <ul id={`${id}-list`} role="listbox" aria-label="Results" className={styles.list}>
        {entries.map((entry, index) => (
          // The field has the focus, and so the keys.
          // oxlint-disable-next-line jsx-a11y/click-events-have-key-events
          <li
            key={entry.id}
            id={`${id}-${index}`}
            role="option"
            aria-selected={entry === active}
            className={styles.entry}
            onMouseMove={() => setPlace(index)}
            onClick={() => choose(entry)}
          >
            <Icon name={entry.icon} />
            <span className={styles.name}>{entry.name}</span>
            <span className="muted">{entry.hint}</span>
          </li>
        ))}
      </ul>
      {entries.length === 0 && (
        <p className={styles.nothing} role="status">
          Nothing is called “{typed}”. Recipients are found by the beginning of their external id.
        </p>
      )}
    </dialog>
  );
}

/** Returns the text once it has not changed for a moment. */
function useCalm(text: string): string {
  const [calm, setCalm] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setCalm(text), pauseMs);
    return () => clearTimeout(timer);
  }, [text]);
  return calm;
}

import { type Draft, draftOf, writeDraft } from "./draft.ts";
import styles from "./editor.module.css";
import { diffLines } from "./line-diff.ts";
import type { Rule, RuleVersion } from "./queries.ts";

const signs = { same: " ", removed: "-", added: "+" } as const;

/** What differs between two states of a rule, line by line. */
export function DiffView({ before, after, label }: { before: Draft; after: Draft; label: string }) {
  const lines = diffLines(writeDraft(before), writeDraft(after));
  if (lines.every(({ kind }) => kind === "same"))
    return <p className="muted">They are the same, except perhaps for their place in the order.</p>;
  return (
    // It may have to be scrolled with the keyboard.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className={styles.diff} role="group" aria-label={label} tabIndex={0}>
      {lines.map(({ kind, text }, index) => (
        // Lines have no identity.
        // oxlint-disable-next-line react/no-array-index-key
        <span key={index} data-kind={kind}>
          {signs[kind]} {text}
        </span>
      ))}
    </div>
  );
}

/** What can be compared of a rule or of one of its versions. */
export const comparable = (state: Rule | RuleVersion): Draft => draftOf(state as Rule);

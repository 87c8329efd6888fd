import { useState } from "react";
import { includesRole, useSession } from "../api/session.ts";
import { Button } from "../parts/button.tsx";
import { usePaletteActions } from "../shell/palette-actions.ts";
import { formatCount } from "../words/numbers.ts";
import { type Verb, verbs, verbWords } from "./verbs.ts";
import styles from "./selection-bar.module.css";

interface SelectionBarProps {
  count: number;
  /** Whether the list is filtered. Without a filter, all deliveries would match. */
  hasFilters: boolean;
  onClear: () => void;
  onVerb: (verb: Verb, isAll: boolean) => void;
}

/** What can be done with the selected rows, or with all that match the filters, on other pages too. */
export function SelectionBar({ count, hasFilters, onClear, onVerb }: SelectionBarProps) {
  const [isAll, setAll] = useState(false);
  const { role } = useSession();
  usePaletteActions(
    includesRole(role, "sender")
      ? verbs.map((verb) => ({
          name: `${verbWords[verb].name} ${isAll ? "all that match" : "the selection"}`,
          icon: verbWords[verb].icon,
          act: () => onVerb(verb, isAll),
        }))
      : [],
  );
  return (
    <div className={styles.bar} role="toolbar" aria-label="With the selection">
      <strong className="figures">
        {isAll ? "All that match the filters" : `${formatCount(count)} selected`}
      </strong>
      {verbs.map((verb) => (
        <Button
          key={verb}
          icon={verbWords[verb].icon}
          needs="sender"
          title={`${verbWords[verb].name} (${verbWords[verb].key})`}
          onClick={() => onVerb(verb, isAll)}
        >
          {verbWords[verb].name}
        </Button>
      ))}
      <Button
        kind="quiet"
        disabled={!hasFilters}
        title={hasFilters ? "Also those on other pages" : "Set a filter first"}
        aria-pressed={isAll}
        onClick={() => setAll(!isAll)}
      >
        {isAll ? "Only the selected rows" : "All that match"}
      </Button>
      <Button kind="quiet" onClick={onClear}>
        Clear selection
      </Button>
    </div>
  );
}

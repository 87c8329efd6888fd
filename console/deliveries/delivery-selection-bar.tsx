import { useState } from "react";
import { includesRole, useSession } from "../api/session.ts";
import { Button } from "../parts/button.tsx";
import { SelectionBar } from "../parts/selection-bar.tsx";
import { usePaletteActions } from "../shell/palette-actions.ts";
import { type Verb, verbs, verbWords } from "./verbs.ts";

interface DeliverySelectionBarProps {
  count: number;
  /** Whether the list is filtered. Without a filter, all deliveries would match. */
  hasFilters: boolean;
  onClear: () => void;
  onVerb: (verb: Verb, isAll: boolean) => void;
}

/** What can be done with the selected rows, or with all that match the filters, on other pages too. */
export function DeliverySelectionBar({
  count,
  hasFilters,
  onClear,
  onVerb,
}: DeliverySelectionBarProps) {
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
    <SelectionBar
      count={count}
      what={isAll ? "All that match the filters" : undefined}
      onClear={onClear}
    >
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
    </SelectionBar>
  );
}

import { useRef, useState } from "react";
import { useShortcuts } from "../shell/shortcuts.ts";

/** Which rows of a list are selected. */
export interface Selection {
  ids: ReadonlySet<string>;
  toggle: (id: string) => void;
  /** Selects all rows from the one that was toggled last to this one. */
  extend: (id: string) => void;
  selectAll: () => void;
  clear: () => void;
}

/** Keeps a selection among the given rows. */
export function useSelection(order: readonly string[]): Selection {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  const last = useRef<string | null>(null);
  return {
    ids,
    toggle(id) {
      last.current = id;
      setIds((before) => {
        const next = new Set(before);
        if (!next.delete(id)) next.add(id);
        return next;
      });
    },
    extend(id) {
      const [from, to] = [order.indexOf(last.current ?? id), order.indexOf(id)].sort(
        (a, b) => a - b,
      ) as [number, number];
      setIds((before) => new Set([...before, ...order.slice(Math.max(from, 0), to + 1)]));
    },
    selectAll: () => setIds(new Set(order)),
    clear: () => setIds(new Set()),
  };
}

/** Selects all rows with Ctrl A or ⌘ A, and none with Esc, unless `isEscapeTaken`: a drawer, too, is closed with it. */
export const useSelectionKeys = ({ ids, selectAll, clear }: Selection, isEscapeTaken = false) =>
  useShortcuts({
    "mod+a": selectAll,
    ...(ids.size > 0 && !isEscapeTaken && { Escape: clear }),
  });

import { useState } from "react";
import { useShortcuts } from "../shell/shortcuts.ts";

interface RowKeysOptions {
  /** The ids of the rows, in their order. */
  ids: readonly string[];
  /** The row that has the keys at first, such as the one that the drawer shows. */
  initial?: string | null;
  /** The focus has moved to another row by a key. */
  onMove?: (id: string) => void;
  /** What keys do with the row that has, or last had, the focus. */
  keys: Record<string, (id: string) => void>;
}

/**
 * Makes the rows of a list one stop of the Tab key, among which `j` and `k` move, and gives keys a meaning for the row that has, or last
 * had, the focus. Spread `propsOf(id)` over its element.
 */
export function useRowKeys({ ids, initial = null, onMove, keys }: RowKeysOptions) {
  const [active, setActive] = useState(initial);
  const place = active === null ? -1 : ids.indexOf(active);
  const inOrder = ids[Math.max(place, 0)];
  const move = (step: number) => {
    const next = ids[place < 0 ? 0 : Math.min(Math.max(place + step, 0), ids.length - 1)];
    if (next === undefined) return;
    document.getElementById(`row-${next}`)?.focus();
    setActive(next);
    onMove?.(next);
  };
  useShortcuts({
    j: () => move(1),
    k: () => move(-1),
    ...Object.fromEntries(
      Object.entries(keys).map(([key, act]) => [
        key,
        () => {
          if (inOrder !== undefined) act(inOrder);
        },
      ]),
    ),
  });
  return {
    propsOf: (id: string) => ({
      id: `row-${id}`,
      tabIndex: id === inOrder ? 0 : -1,
      onFocus: () => setActive(id),
    }),
  };
}

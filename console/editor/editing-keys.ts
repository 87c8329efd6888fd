import { useEffect, useRef } from "react";
import { includesRole, useSession } from "../api/session.ts";

/** What keys with Ctrl or ⌘ do while something is edited: `Enter`, `shift+t`. */
type EditingKeys = Record<string, () => void>;

/**
 * Gives keys with Ctrl or ⌘ a meaning as long as the component is shown, also within editors and fields, before these see them. They mean
 * nothing behind a modal dialog.
 */
export function useEditingKeys(keys: EditingKeys): void {
  const latest = useRef(keys);
  useEffect(() => {
    latest.current = keys;
  });
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || event.altKey || event.isComposing) return;
      if (document.querySelector("dialog:modal")) return;
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      const act = latest.current[event.shiftKey ? `shift+${key}` : key];
      if (!act) return;
      event.preventDefault();
      event.stopPropagation();
      act();
    };
    document.addEventListener("keydown", onKeyDown, { capture: true });
    return () => document.removeEventListener("keydown", onKeyDown, { capture: true });
  }, []);
}

/** Saves by Ctrl S or ⌘ S, if the role of the person may save. */
export function useSaveKey(save: () => void): void {
  const { role } = useSession();
  useEditingKeys({
    s: () => {
      if (includesRole(role, "sender")) save();
    },
  });
}

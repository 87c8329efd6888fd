import { useSyncExternalStore } from "react";
import { useShortcuts } from "../shell/shortcuts.ts";
import { Icon, type IconName } from "./icon.tsx";
import styles from "./toast.module.css";

interface Toast {
  id: number;
  icon: IconName;
  text: string;
  undo?: (() => void) | undefined;
}

const shownMs = 8_000;
let toasts: readonly Toast[] = [];
let lastId = 0;
const listeners = new Set<() => void>();

function set(next: readonly Toast[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}

const remove = (id: number) => set(toasts.filter((toast) => toast.id !== id));

/**
 * Shows a short message about something that has just been done. It disappears after some seconds.
 * @param options `undo` does the inverse of what was done, by a button and the key `z`. Give it only where a true inverse exists.
 */
export function showToast(
  text: string,
  { icon = "check", undo }: { icon?: IconName; undo?: () => void } = {},
): void {
  lastId += 1;
  const toast = { id: lastId, icon, text, undo };
  set([...toasts, toast]);
  setTimeout(() => remove(toast.id), shownMs);
}

/** The region in which messages appear. It is always there, so that screen readers notice what is added. */
export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => toasts,
  );
  const undo = (toast: Toast) => {
    remove(toast.id);
    toast.undo?.();
  };
  const last = shown.findLast((toast) => toast.undo !== undefined);
  useShortcuts(last ? { z: () => undo(last) } : {});
  return (
    <div className={styles.region} role="status" aria-live="polite">
      {shown.map((toast) => (
        <p key={toast.id} className={styles.toast}>
          <Icon name={toast.icon} /> {toast.text}
          {toast.undo && (
            <button type="button" title="Undo (z)" onClick={() => undo(toast)}>
              Undo
            </button>
          )}
        </p>
      ))}
    </div>
  );
}

import { useSyncExternalStore } from "react";
import { Icon, type IconName } from "./icon.tsx";
import styles from "./toast.module.css";

interface Toast {
  id: number;
  icon: IconName;
  text: string;
}

const shownMs = 8_000;
let toasts: readonly Toast[] = [];
let lastId = 0;
const listeners = new Set<() => void>();

function set(next: readonly Toast[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}

/** Shows a short message about something that has just been done. It disappears after some seconds. */
export function showToast(text: string, icon: IconName = "check"): void {
  lastId += 1;
  const toast = { id: lastId, icon, text };
  set([...toasts, toast]);
  setTimeout(() => set(toasts.filter(({ id }) => id !== toast.id)), shownMs);
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
  return (
    <div className={styles.region} role="status" aria-live="polite">
      {shown.map(({ id, icon, text }) => (
        <p key={id} className={styles.toast}>
          <Icon name={icon} /> {text}
        </p>
      ))}
    </div>
  );
}

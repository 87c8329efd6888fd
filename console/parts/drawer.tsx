import { type ReactNode, useId, useLayoutEffect, useRef } from "react";
import { useShortcuts } from "../shell/shortcuts.ts";
import { IconButton } from "./button.tsx";
import styles from "./drawer.module.css";

interface DrawerProps {
  title: string;
  /** What is beside the title, such as links to other views of the same. */
  aside?: ReactNode;
  onClose: () => void;
  children: ReactNode;
}

/** Below this width the drawer covers the page, and is a modal dialog. */
const narrow = "(width < 1100px)";

/**
 * A panel at the right of the page, which stays usable beside it. Opening it moves the focus into it, and closing gives the focus back
 * to what had it.
 */
export function Drawer({ title, aside, onClose, children }: DrawerProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const id = useId();
  // Not afterwards: the focus would come back when the person has already moved it elsewhere.
  useLayoutEffect(() => {
    const element = dialog.current!;
    const before = document.activeElement;
    const width = matchMedia(narrow);
    const open = () => {
      if (element.open) element.close();
      if (width.matches) element.showModal();
      else element.show();
    };
    open();
    heading.current?.focus();
    width.addEventListener("change", open);
    return () => {
      width.removeEventListener("change", open);
      const hadFocus = element.contains(document.activeElement);
      element.close();
      if (hadFocus && before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  useShortcuts({ Escape: onClose });
  return (
    <dialog
      ref={dialog}
      className={styles.drawer}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <header className={styles.header}>
        <h2 id={id} ref={heading} tabIndex={-1}>
          {title}
        </h2>
        {aside}
        <IconButton icon="close" label="Close (Esc)" onClick={onClose} />
      </header>
      <div className={styles.body}>{children}</div>
    </dialog>
  );
}

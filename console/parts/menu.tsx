import { type ReactNode, useId, useRef } from "react";
import { Icon } from "./icon.tsx";
import styles from "./menu.module.css";

interface MenuProps {
  name: string;
  items: readonly { name: ReactNode; key: string; act: () => void }[];
}

/** A button that opens a list of actions. The list closes after each of them. */
export function Menu({ name, items }: MenuProps) {
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  return (
    <span>
      <button
        type="button"
        className={styles.button}
        popoverTarget={id}
        onClick={({ currentTarget }) => {
          // The list opens below its button; pages scroll, so the place is measured.
          const { left, bottom } = currentTarget.getBoundingClientRect();
          list.current!.style.left = `${Math.max(8, Math.min(left, innerWidth - 232))}px`;
          list.current!.style.top = `${bottom + 4}px`;
        }}
      >
        {name}
        <Icon name="down" size={12} />
      </button>
      <div ref={list} id={id} popover="auto" className={styles.list} role="group" aria-label={name}>
        {items.map(({ key, name: word, act }) => (
          <button
            key={key}
            type="button"
            onClick={() => {
              list.current!.hidePopover();
              act();
            }}
          >
            {word}
          </button>
        ))}
      </div>
    </span>
  );
}

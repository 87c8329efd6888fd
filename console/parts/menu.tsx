import { type ReactNode, useId, useRef } from "react";
import { Button } from "./button.tsx";
import { Icon } from "./icon.tsx";
import { placePopover } from "./place-popover.ts";
import popover from "./popover.module.css";

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
      <Button
        popoverTarget={id}
        onClick={({ currentTarget }) => placePopover(currentTarget, list.current!)}
      >
        {name} <Icon name="down" size={12} />
      </Button>
      <div
        ref={list}
        id={id}
        popover="auto"
        className={`${popover.popover} ${popover.list} ${popover.entries}`}
        role="group"
        aria-label={name}
      >
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

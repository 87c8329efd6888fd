import type { ReactNode } from "react";
import { formatCount } from "../words/numbers.ts";
import { Button } from "./button.tsx";
import styles from "./selection-bar.module.css";

interface SelectionBarProps {
  count: number;
  /** What is selected, in place of the number of rows. */
  what?: string | undefined;
  /** What can be done with it. */
  children: ReactNode;
  onClear: () => void;
}

/** Says above a list how many of its rows are selected, and what can be done with them. */
export const SelectionBar = ({ count, what, children, onClear }: SelectionBarProps) => (
  <div className={styles.bar} role="toolbar" aria-label="With the selection">
    <strong className="figures">{what ?? `${formatCount(count)} selected`}</strong>
    {children}
    <Button kind="quiet" onClick={onClear}>
      Clear selection
    </Button>
  </div>
);

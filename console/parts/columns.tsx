import type { ReactNode } from "react";
import styles from "./columns.module.css";

interface ColumnsProps {
  isFirstWider?: boolean;
  children: ReactNode;
}

/** Two parts of a screen beside each other, or one below the other where the window is narrow. */
export const Columns = ({ isFirstWider = false, children }: ColumnsProps) => (
  <div className={styles.columns} data-first-wider={isFirstWider}>
    {children}
  </div>
);

/** Parts of a screen one below the other. */
export const Stack = ({ children }: { children: ReactNode }) => (
  <div className={styles.stack}>{children}</div>
);

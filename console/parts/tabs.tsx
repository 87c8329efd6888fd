import { Link, type LinkProps } from "@tanstack/react-router";
import styles from "./tabs.module.css";

interface TabsProps {
  label: string;
  tabs: readonly { name: string; link: LinkProps; isCurrent: boolean }[];
}

/** The parts of a screen, each with an address of its own. */
export function Tabs({ label, tabs }: TabsProps) {
  return (
    <nav className={styles.tabs} aria-label={label}>
      {tabs.map(({ name, link, isCurrent }) => (
        <Link
          key={name}
          {...link}
          // Otherwise the router calls a tab current whose search is a part of the address.
          activeOptions={{ exact: true, includeSearch: true, explicitUndefined: true }}
          aria-current={isCurrent ? "page" : undefined}
        >
          {name}
        </Link>
      ))}
    </nav>
  );
}

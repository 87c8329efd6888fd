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
        <Link key={name} {...link} aria-current={isCurrent ? "page" : undefined}>
          {name}
        </Link>
      ))}
    </nav>
  );
}

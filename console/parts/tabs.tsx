import { Link, type LinkProps } from "@tanstack/react-router";
import { useLayoutEffect, useRef } from "react";
import styles from "./tabs.module.css";

interface TabsProps {
  label: string;
  tabs: readonly { name: string; link: LinkProps; isCurrent: boolean }[];
}

/** The parts of a screen, each with an address of its own. */
export function Tabs({ label, tabs }: TabsProps) {
  const bar = useRef<HTMLElement>(null);
  const current = tabs.findIndex(({ isCurrent }) => isCurrent);
  // On a narrow screen the tabs are wider than the page, and the current one would be out of sight.
  useLayoutEffect(() => {
    const tab = bar.current!.children[current];
    if (tab instanceof HTMLElement)
      bar.current!.scrollLeft =
        tab.offsetLeft - bar.current!.offsetLeft - (bar.current!.clientWidth - tab.offsetWidth) / 2;
  }, [current]);
  return (
    <nav ref={bar} className={styles.tabs} aria-label={label}>
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

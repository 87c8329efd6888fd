import { Link, type LinkProps } from "@tanstack/react-router";
import { type ReactNode, useEffect } from "react";
import styles from "./page.module.css";

interface PageProps {
  /** The list that the screen belongs to. */
  up?: { to: NonNullable<LinkProps["to"]>; name: string };
  title: ReactNode;
  /** The title of the document: never anything personal, because browsers keep it. */
  documentTitle: string;
  /** What is beside the title, such as buttons. */
  actions?: ReactNode;
  children: ReactNode;
}

/** The frame of a screen: its heading and its content. */
export function Page({ up, title, documentTitle, actions, children }: PageProps) {
  useEffect(() => {
    document.title = `${documentTitle} · Tidings`;
  }, [documentTitle]);
  return (
    <>
      <div className={styles.heading}>
        <h1>
          {up && (
            <>
              <Link to={up.to} className={styles.up}>
                {up.name}
              </Link>
              <span className="muted"> / </span>
            </>
          )}
          {title}
        </h1>
        {actions && <div className={styles.actions}>{actions}</div>}
      </div>
      {children}
    </>
  );
}

/** A part of a screen on a ground of its own. */
export function Panel({
  title,
  aside,
  children,
  isFlush = false,
}: {
  title?: string;
  /** What is at the right of the title. */
  aside?: ReactNode;
  children: ReactNode;
  /** Whether the content reaches the edges. */
  isFlush?: boolean;
}) {
  return (
    <section className={styles.panel} aria-label={title}>
      {title !== undefined && (
        <header className={styles.panelHeading}>
          <h2>{title}</h2>
          {aside}
        </header>
      )}
      <div className={isFlush ? styles.flush : styles.panelBody}>{children}</div>
    </section>
  );
}

/** Terms with their values. A value of null is left out. */
export function Facts({ items }: { items: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className={styles.facts}>
      {items
        .filter(([, value]) => value !== null && value !== undefined)
        .map(([term, value]) => (
          <div key={term}>
            <dt>{term}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

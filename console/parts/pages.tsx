import { Button } from "./button.tsx";
import { formatCount } from "../words/numbers.ts";
import styles from "./pages.module.css";

interface PagesProps {
  /** How many rows the page has. */
  shown: number;
  isFirst: boolean;
  /** The cursor of the next page; null on the last one. */
  nextCursor: string | null;
  /** Whether the rows are still those of another page or other filters, whose cursor the API would refuse here. */
  isStale: boolean;
  /** What the next page has, such as older rows. */
  next?: string;
  /** Shows the page of a cursor; the first one if it is undefined. */
  onTurn: (cursor: string | undefined) => void;
}

/** The end of a list: how many rows are shown, whether these are all, and the way to other pages. */
export function Pages({ shown, isFirst, nextCursor, isStale, next = "Older", onTurn }: PagesProps) {
  const text = (
    <span className="muted figures">
      {formatCount(shown)} shown
      {nextCursor === null ? (isFirst ? ", that is all" : ", the end") : ""}
    </span>
  );
  // There is no other page to turn to.
  if (isFirst && nextCursor === null)
    return shown === 0 ? null : <footer className={styles.pages}>{text}</footer>;
  return (
    <footer className={styles.pages}>
      <Button icon="left" disabled={isFirst} onClick={() => onTurn(undefined)}>
        First page
      </Button>
      {text}
      {/* It keeps the focus until the page has come. */}
      <Button
        disabled={nextCursor === null}
        aria-disabled={isStale || undefined}
        onClick={() => isStale || onTurn(nextCursor ?? undefined)}
      >
        {next}
      </Button>
    </footer>
  );
}

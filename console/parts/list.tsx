import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Pages } from "./pages.tsx";
import { Failed, Loading, ProblemBanner } from "./states.tsx";

interface ListProps<Page> {
  /** What the list has, such as “the sessions”. */
  what: string;
  /** The page of the cursor in the address. */
  query: UseQueryResult<Page>;
  cursor: string | undefined;
  /** Shows the page of a cursor; the first one if it is undefined. */
  onTurn: (cursor: string | undefined) => void;
  /** What the next page has, such as older rows. */
  next?: string;
  /** What is shown in place of a page without items. */
  empty: ReactNode;
  /** How many rows are drawn while the first page is loaded. */
  rows?: number;
  /** The items of a page. It is stale while the page of other filters is being loaded. */
  children: (page: Page, isStale: boolean) => ReactNode;
}

/** A list that is shown page by page, or why there is none. What was read stays if reading it again fails. */
export function List<Page extends { items: readonly unknown[]; nextCursor: string | null }>({
  what,
  query: { data, error, refetch, isPlaceholderData },
  cursor,
  onTurn,
  next = "Older",
  empty,
  rows = 6,
  children,
}: ListProps<Page>) {
  const retry = () => void refetch();
  if (data === undefined)
    return error ? (
      <Failed what={what} error={error} retry={retry} />
    ) : (
      <Loading what={what} rows={rows} />
    );
  return (
    <>
      {error && <ProblemBanner error={error} retry={retry} />}
      {data.items.length > 0 ? children(data, isPlaceholderData) : empty}
      <Pages
        shown={data.items.length}
        isFirst={cursor === undefined}
        nextCursor={data.nextCursor}
        isStale={isPlaceholderData}
        next={next}
        onTurn={onTurn}
      />
    </>
  );
}

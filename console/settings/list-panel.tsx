import type { UseQueryResult } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Panel } from "../parts/page.tsx";
import { Pages } from "../parts/pages.tsx";
import { Failed, Loading } from "../parts/states.tsx";

interface ListPanelProps<Item> {
  /** A page of the list: that of the cursor in the address. */
  page: UseQueryResult<{ items: Item[]; nextCursor: string | null }>;
  /** What the list has, such as “the sessions”. */
  what: string;
  /** What is shown in place of a page without items. */
  empty: ReactNode;
  children: (items: readonly Item[]) => ReactNode;
}

/** A page of a list of the settings, or why there is none. */
export function ListPanel<Item>({ page, what, empty, children }: ListPanelProps<Item>) {
  const { cursor } = useSearch({ from: "/settings" });
  const navigate = useNavigate({ from: "/settings" });
  const { data, error, refetch, isPlaceholderData } = page;
  return (
    <Panel isFlush>
      {data ? (
        <>
          {data.items.length > 0 ? children(data.items) : empty}
          {(data.nextCursor !== null || cursor !== undefined) && (
            <Pages
              shown={data.items.length}
              isFirst={cursor === undefined}
              nextCursor={data.nextCursor}
              isStale={isPlaceholderData}
              onTurn={(next) =>
                void navigate({ search: (before) => ({ ...before, cursor: next }) })
              }
            />
          )}
        </>
      ) : error ? (
        <Failed what={what} error={error} retry={() => void refetch()} />
      ) : (
        <Loading what={what} />
      )}
    </Panel>
  );
}

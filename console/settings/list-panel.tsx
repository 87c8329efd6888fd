import type { UseQueryResult } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { List } from "../parts/list.tsx";
import { Panel } from "../parts/page.tsx";

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
  return (
    <Panel isFlush>
      <List
        what={what}
        query={page}
        cursor={cursor}
        empty={empty}
        onTurn={(next) => void navigate({ search: (before) => ({ ...before, cursor: next }) })}
      >
        {({ items }) => children(items)}
      </List>
    </Panel>
  );
}

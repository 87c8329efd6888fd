import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { deliveriesQuery } from "./queries.ts";
import { Button } from "../parts/button.tsx";
import { ExportMenu } from "../parts/export-menu.tsx";
import { List } from "../parts/list.tsx";
import { Page, Panel } from "../parts/page.tsx";
import { Empty, FilteredToNothing } from "../parts/states.tsx";
import { FilterBar } from "./filter-bar.tsx";
import { omitUndefined } from "../shell/url.ts";
import { useShortcuts } from "../shell/shortcuts.ts";
import { Columns } from "./columns.tsx";
import { countFilters, type DeliverySearch, filtersOf, lookOf, toDeliveryQuery } from "./search.ts";
import { SelectableRows } from "./selectable-rows.tsx";
import { Timeline } from "./timeline.tsx";

/** The deliveries, as a page of the ledger. */
export function DeliveriesScreen() {
  const search = useSearch({ from: "/deliveries" });
  const navigate = useNavigate({ from: "/deliveries" });
  const query = useQuery({ ...deliveriesQuery(search), placeholderData: keepPreviousData });
  const filterCount = countFilters(search);
  const isFirst = search.cursor === undefined;

  /** Changes filters: the list then begins at its first page, and the drawer closes. */
  const change = (changed: DeliverySearch) =>
    void navigate({ search: ({ tz }) => ({ ...(tz && { tz }), ...lookOf(search), ...changed }) });
  const order = search.order ? { order: search.order } : {};
  const turnOver = (wanted: "newest" | "oldest") =>
    change({ ...filtersOf(search), ...(wanted === "oldest" ? { order: wanted } : {}) });
  // The end of the list is the beginning of the list in the other order, however long it is.
  useShortcuts({ Home: () => turnOver("newest"), End: () => turnOver("oldest") });
  const turnTo = (cursor: string | undefined) =>
    void navigate({
      search: (before) => ({ ...before, cursor }),
    });
  return (
    <Page
      title="Deliveries"
      documentTitle="Deliveries"
      actions={
        <>
          <Columns
            chosen={search.columns}
            onChange={(chosen) => change({ ...filtersOf(search), ...order, columns: chosen })}
          />
          <Button
            icon="sort"
            title="Change the order (Home: newest first, End: oldest first)"
            onClick={() => turnOver(search.order ? "newest" : "oldest")}
          >
            {search.order === "oldest" ? "Oldest first" : "Newest first"}
          </Button>
          <ExportMenu list="deliveries" query={toDeliveryQuery(search)} />
        </>
      }
    >
      <FilterBar search={search} onChange={(filters) => change(filters)} />
      <Timeline
        search={search}
        onSpan={(span) => change({ ...filtersOf(search), ...order, span })}
        onSelect={(from, before) =>
          change({ ...omitUndefined({ ...filtersOf(search), from, before }), ...order })
        }
      />
      <Panel isFlush>
        <List
          what="the deliveries"
          query={query}
          cursor={search.cursor}
          rows={12}
          next={search.order === "oldest" ? "Newer" : "Older"}
          onTurn={turnTo}
          empty={
            filterCount > 0 ? (
              <FilteredToNothing what="deliveries" onClear={() => change({})} />
            ) : (
              <Empty title={isFirst ? "No deliveries yet" : "No more deliveries"}>
                {isFirst
                  ? "Every message that is owed to somebody appears here before it is sent. Send a notification or start a campaign."
                  : "This was the last page."}
              </Empty>
            )
          }
        >
          {({ items, of }, isStale) => (
            <SelectableRows key={of} search={search} items={items} isStale={isStale} />
          )}
        </List>
      </Panel>
    </Page>
  );
}

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { ExportMenu } from "../parts/export-menu.tsx";
import { Icon } from "../parts/icon.tsx";
import { List } from "../parts/list.tsx";
import { Page, Panel } from "../parts/page.tsx";
import { Empty, FilteredToNothing } from "../parts/states.tsx";
import { formatCount } from "../words/numbers.ts";
import { recipientsQuery, segmentCountQuery } from "./queries.ts";
import { RecipientTable } from "./recipient-table.tsx";
import { SearchBar } from "./search-bar.tsx";
import styles from "./screen.module.css";

/** What is looked for, and the page of the results. It is personal, so that it is kept here and not in the address. */
interface Found {
  q: string;
  cursor?: string | undefined;
}

/** The recipients, the newest first. */
export function RecipientsScreen() {
  const search = useSearch({ from: "/recipients" });
  const navigate = useNavigate({ from: "/recipients" });
  const [found, setFound] = useState<Found | null>(null);
  const cursor = found ? found.cursor : search.cursor;
  const query = useQuery({
    ...recipientsQuery({ q: found?.q, segment: search.segment, cursor }),
    placeholderData: keepPreviousData,
  });
  const counted = useQuery(segmentCountQuery(search.segment));
  const isFiltered = found !== null || search.segment !== undefined;
  const clear = () => {
    setFound(null);
    void navigate({ search: ({ tz }) => (tz ? { tz } : {}) });
  };
  const turnTo = (next: string | undefined) => {
    if (found) setFound({ ...found, cursor: next });
    else void navigate({ search: (before) => ({ ...before, cursor: next }) });
  };
  return (
    <Page
      title="Recipients"
      documentTitle="Recipients"
      actions={
        <>
          <a href="/docs" className={styles.import} target="_blank" rel="noreferrer">
            <Icon name="external" /> Import through the API
          </a>
          <ExportMenu
            list="recipients"
            query={{ segment: search.segment }}
            refusal={
              found
                ? "What you look for is personal, and would be in the address of the download. Clear the search to export."
                : undefined
            }
          />
        </>
      }
    >
      <SearchBar
        isFiltered={isFiltered}
        segment={search.segment}
        onSearch={(q) => {
          setFound(q === "" ? null : { q });
          if (search.cursor !== undefined)
            void navigate({ search: (before) => ({ ...before, cursor: undefined }) });
        }}
        onSegment={(segment) => {
          setFound(found && { q: found.q });
          void navigate({ search: (before) => ({ ...before, segment, cursor: undefined }) });
        }}
        onClear={clear}
      />
      <Panel isFlush>
        <List
          what="the recipients"
          query={query}
          cursor={cursor}
          rows={12}
          onTurn={turnTo}
          empty={
            isFiltered ? (
              <FilteredToNothing what="recipients" onClear={clear} />
            ) : (
              <Empty
                icon="person"
                title={cursor === undefined ? "No recipients yet" : "No more recipients"}
              >
                {cursor === undefined
                  ? "Import them, create them through the API, or name them in a notification."
                  : "This was the last page."}
              </Empty>
            )
          }
        >
          {({ items }, isStale) => (
            <>
              <RecipientTable recipients={items} isStale={isStale} />
              {counted.data && found === null && (
                <p className={`muted ${styles.count}`}>
                  {formatCount(counted.data.count)} in the segment {search.segment}
                </p>
              )}
            </>
          )}
        </List>
      </Panel>
      <p className={`muted ${styles.note}`}>
        Addresses are masked for everybody here. On the page of a recipient, those who may send can
        reveal them, which the audit trail records.
      </p>
    </Page>
  );
}

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { Button } from "../parts/button.tsx";
import { Filters } from "../parts/filters.tsx";
import { Page, Panel } from "../parts/page.tsx";
import { Pages } from "../parts/pages.tsx";
import { useRowKeys } from "../parts/row-keys.ts";
import { SearchField } from "../parts/search-field.tsx";
import { Segments } from "../parts/segments.tsx";
import { Empty, Failed, FilteredToNothing, Loading } from "../parts/states.tsx";
import table from "../parts/table.module.css";
import { formatCount } from "../words/numbers.ts";
import { type Topic, topicsQuery } from "./queries.ts";
import { TopicDialog } from "./topic-dialog.tsx";

/** The topics to which recipients subscribe, the newest first. */
export function TopicsScreen() {
  const search = useSearch({ from: "/topics" });
  const navigate = useNavigate({ from: "/topics" });
  const [isCreating, setCreating] = useState(false);
  const { data, error, refetch, isPlaceholderData } = useQuery({
    ...topicsQuery({ q: search.q, cursor: search.cursor, archived: search.archived ?? "false" }),
    placeholderData: keepPreviousData,
  });
  const isFiltered = search.q !== undefined || search.archived !== undefined;
  return (
    <Page
      title="Topics"
      documentTitle="Topics"
      actions={
        <Button kind="primary" needs="sender" onClick={() => setCreating(true)}>
          New topic
        </Button>
      }
    >
      <Filters isAny={isFiltered} onClear={() => void navigate({ search: {} })}>
        <SearchField
          label="Find by key or name"
          value={search.q ?? ""}
          onChange={(q) =>
            void navigate({
              search: ({ archived }) => ({ q: q || undefined, archived }),
              replace: true,
            })
          }
        />
        <Segments
          label="Which topics"
          values={{ open: "In use", archived: "Archived" }}
          chosen={search.archived ? "archived" : "open"}
          onChange={(chosen) =>
            void navigate({
              search: ({ q }) => ({ q, archived: chosen === "archived" ? "true" : undefined }),
            })
          }
        />
      </Filters>
      <Panel isFlush>
        {data ? (
          data.items.length > 0 ? (
            <TopicTable topics={data.items} />
          ) : isFiltered ? (
            <FilteredToNothing what="topics" onClear={() => void navigate({ search: {} })} />
          ) : (
            <Empty
              icon="topics"
              title="No topics yet"
              actions={
                <Button needs="sender" onClick={() => setCreating(true)}>
                  Create a topic
                </Button>
              }
            >
              A topic is what people subscribe to, such as a newsletter. It has a sign-up form, and
              campaigns can be sent to its subscribers.
            </Empty>
          )
        ) : error ? (
          <Failed what="the topics" error={error} retry={() => void refetch()} />
        ) : (
          <Loading what="the topics" />
        )}
        {data && (data.nextCursor !== null || search.cursor !== undefined) && (
          <Pages
            shown={data.items.length}
            isFirst={search.cursor === undefined}
            nextCursor={data.nextCursor}
            isStale={isPlaceholderData}
            onTurn={(cursor) => void navigate({ search: (before) => ({ ...before, cursor }) })}
          />
        )}
      </Panel>
      {isCreating && (
        <TopicDialog
          onClose={() => setCreating(false)}
          onSaved={(key) => void navigate({ to: "/topics/$key", params: { key } })}
        />
      )}
    </Page>
  );
}

function TopicTable({ topics }: { topics: readonly Topic[] }) {
  const navigate = useNavigate();
  const open = (key: string) => void navigate({ to: "/topics/$key", params: { key } });
  const rows = useRowKeys({ ids: topics.map(({ key }) => key), keys: { Enter: open, o: open } });
  return (
    <table className={table.table}>
      <thead>
        <tr>
          <th>Name</th>
          <th className={table.wide}>Key</th>
          <th className={table.wide}>Opt-in</th>
          <th className={table.wide}>Public</th>
          <th className={table.number}>Subscribed</th>
          <th className={`${table.number} ${table.wide}`}>Pending</th>
          <th className={`${table.number} ${table.wide}`}>Unsubscribed</th>
        </tr>
      </thead>
      <tbody>
        {topics.map(({ key, name, optIn, isPublic, subscribers }) => (
          <tr key={key} {...rows.propsOf(key)}>
            <td>
              <Link to="/topics/$key" params={{ key }} className={table.name}>
                {name}
              </Link>
            </td>
            <td className={table.wide}>
              <code>{key}</code>
            </td>
            <td className={table.wide}>{optIn === "double" ? "Double" : "Single"}</td>
            <td className={table.wide}>{isPublic ? "Yes" : "No"}</td>
            <td className={table.number}>{formatCount(subscribers.subscribed)}</td>
            <td className={`${table.number} ${table.wide}`}>{formatCount(subscribers.pending)}</td>
            <td className={`${table.number} ${table.wide}`}>
              {formatCount(subscribers.unsubscribed)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { Button } from "../parts/button.tsx";
import { Filters } from "../parts/filters.tsx";
import { List } from "../parts/list.tsx";
import { Page, Panel } from "../parts/page.tsx";
import { useRowKeys } from "../parts/row-keys.ts";
import { SearchField } from "../parts/search-field.tsx";
import { Segments } from "../parts/segments.tsx";
import { Empty, FilteredToNothing } from "../parts/states.tsx";
import table from "../parts/table.module.css";
import { formatCount } from "../words/numbers.ts";
import { type Topic, topicsQuery } from "./queries.ts";
import { TopicDialog } from "./topic-dialog.tsx";

/** The topics to which recipients subscribe, the newest first. */
export function TopicsScreen() {
  const search = useSearch({ from: "/topics" });
  const navigate = useNavigate({ from: "/topics" });
  const [isCreating, setCreating] = useState(false);
  const query = useQuery({
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
        <List
          what="the topics"
          query={query}
          cursor={search.cursor}
          onTurn={(cursor) => void navigate({ search: (before) => ({ ...before, cursor }) })}
          empty={
            isFiltered ? (
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
                A topic is what people subscribe to, such as a newsletter. It has a sign-up form,
                and campaigns can be sent to its subscribers.
              </Empty>
            )
          }
        >
          {({ items }) => <TopicTable topics={items} />}
        </List>
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

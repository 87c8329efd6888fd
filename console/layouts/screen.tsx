import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Button } from "../parts/button.tsx";
import { Filters } from "../parts/filters.tsx";
import { ShortInstant, useZone } from "../parts/instant.tsx";
import { List } from "../parts/list.tsx";
import { Page, Panel } from "../parts/page.tsx";
import { useRowKeys } from "../parts/row-keys.ts";
import { SearchField } from "../parts/search-field.tsx";
import { Empty, FilteredToNothing } from "../parts/states.tsx";
import table from "../parts/table.module.css";
import { omitUndefined } from "../shell/url.ts";
import { TemplateTabs } from "../templates/tabs.tsx";
import { type LayoutSummary, layoutsQuery } from "./queries.ts";

/** The layouts that templates share, the newest first. */
export function LayoutsScreen() {
  const search = useSearch({ from: "/layouts" });
  const navigate = useNavigate({ from: "/layouts" });
  const query = useQuery({
    ...layoutsQuery({ limit: "50", ...omitUndefined({ q: search.q, cursor: search.cursor }) }),
    placeholderData: keepPreviousData,
  });
  return (
    <Page
      title="Templates"
      documentTitle="Layouts"
      actions={
        <Button kind="primary" needs="sender" onClick={() => void navigate({ to: "/layouts/new" })}>
          New layout
        </Button>
      }
    >
      <TemplateTabs current="layouts" />
      <Filters isAny={search.q !== undefined} onClear={() => void navigate({ search: {} })}>
        <SearchField
          label="Find by key or name"
          value={search.q ?? ""}
          onChange={(q) => void navigate({ search: { q: q || undefined }, replace: true })}
        />
      </Filters>
      <Panel isFlush>
        <List
          what="the layouts"
          query={query}
          cursor={search.cursor}
          onTurn={(cursor) => void navigate({ search: (before) => ({ ...before, cursor }) })}
          empty={
            search.q === undefined ? (
              <Empty icon="templates" title="No layouts yet">
                A layout is HTML that the emails of several templates share, such as a header and a
                footer.
              </Empty>
            ) : (
              <FilteredToNothing what="layouts" onClear={() => void navigate({ search: {} })} />
            )
          }
        >
          {({ items }) => <LayoutTable layouts={items} />}
        </List>
      </Panel>
    </Page>
  );
}

function LayoutTable({ layouts }: { layouts: readonly LayoutSummary[] }) {
  const zone = useZone();
  const navigate = useNavigate();
  const open = (key: string) => void navigate({ to: "/layouts/$key", params: { key } });
  const rows = useRowKeys({
    ids: layouts.map(({ key }) => key),
    keys: { Enter: open, o: open, e: open },
  });
  return (
    <table className={table.table}>
      <thead>
        <tr>
          <th>Name</th>
          <th>Key</th>
          <th className={table.number}>Version</th>
          <th className={table.wide}>Changed ({zone})</th>
        </tr>
      </thead>
      <tbody>
        {layouts.map(({ key, name, version, updatedAt }) => (
          <tr key={key} {...rows.propsOf(key)}>
            <td>
              <Link to="/layouts/$key" params={{ key }} className={table.name}>
                {name}
              </Link>
            </td>
            <td>
              <code>{key}</code>
            </td>
            <td className={table.number}>{version}</td>
            <td className={table.wide}>
              <ShortInstant at={updatedAt} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

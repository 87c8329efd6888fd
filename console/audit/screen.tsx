import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Fragment } from "react";
import { includesRole, useSession } from "../api/session.ts";
import { ActorName } from "../parts/actor-name.tsx";
import { IconButton } from "../parts/button.tsx";
import { ExportMenu } from "../parts/export-menu.tsx";
import { ShortInstant, useZone } from "../parts/instant.tsx";
import { List } from "../parts/list.tsx";
import { Page, Panel } from "../parts/page.tsx";
import { useRowKeys } from "../parts/row-keys.ts";
import { isPublicId, shortenId } from "../parts/short-id.tsx";
import { Empty, FilteredToNothing } from "../parts/states.tsx";
import table from "../parts/table.module.css";
import { describeAction } from "../words/actions.ts";
import { EntryDetails } from "./entry-details.tsx";
import { FilterBar } from "./filter-bar.tsx";
import { type AuditEntry, auditQuery, toAuditQuery } from "./queries.ts";
import type { AuditSearch } from "./search.ts";
import styles from "./screen.module.css";

/** Who changed what, the newest first. */
export function AuditScreen() {
  const { role } = useSession();
  const { tz: _, why: __, peek: ___, ...search } = useSearch({ from: "/audit" });
  const isAdmin = includesRole(role, "admin");
  return (
    <Page
      title="Audit"
      documentTitle="Audit"
      actions={isAdmin && <ExportMenu list="audit" query={toAuditQuery(search)} />}
    >
      {isAdmin ? (
        <Trail search={search} />
      ) : (
        <Panel>
          <Empty icon="shield" title="Your role does not include the audit trail">
            It says who changed what, and needs the role admin. You have the role {role}.
          </Empty>
        </Panel>
      )}
    </Page>
  );
}

function Trail({ search }: { search: AuditSearch }) {
  const navigate = useNavigate({ from: "/audit" });
  const query = useQuery({
    ...auditQuery(search),
    placeholderData: keepPreviousData,
  });
  const { cursor: _cursor, entry: open, ...filters } = search;
  const isFiltered = Object.values(filters).some((value) => value !== undefined);
  return (
    <>
      <FilterBar search={search} />
      <Panel isFlush>
        <List
          what="the audit trail"
          query={query}
          cursor={search.cursor}
          rows={10}
          onTurn={(cursor) => void navigate({ search: (now) => ({ ...now, cursor }) })}
          empty={
            isFiltered ? (
              <FilteredToNothing what="changes" onClear={() => void navigate({ search: {} })} />
            ) : (
              <Empty icon="audit" title="Nothing has been changed yet">
                Each change through the API or the console leaves an entry here, with its author.
              </Empty>
            )
          }
        >
          {({ items }, isStale) => (
            <div aria-busy={isStale}>
              <AuditTable entries={items} open={open} />
            </div>
          )}
        </List>
      </Panel>
    </>
  );
}

function AuditTable({
  entries,
  open,
}: {
  entries: readonly AuditEntry[];
  /** The entry whose details are shown. */
  open: string | undefined;
}) {
  const zone = useZone();
  const navigate = useNavigate({ from: "/audit" });
  const toggle = (id: string) =>
    void navigate({
      search: (now) => ({ ...now, entry: open === id ? undefined : id }),
      replace: true,
      resetScroll: false,
    });
  const { propsOf } = useRowKeys({ ids: entries.map(({ id }) => id), keys: { Enter: toggle } });
  return (
    <table className={`${table.table} ${styles.trail}`}>
      <thead>
        <tr>
          <th className={styles.toggle}>
            <span className="hidden-text">Details</span>
          </th>
          <th>When ({zone})</th>
          <th>Who</th>
          <th>What</th>
          <th className={table.wide}>Of</th>
        </tr>
      </thead>
      <tbody>
        {entries.map((entry) => {
          const { id, actor, action, resource, createdAt } = entry;
          const isOpen = open === id;
          return (
            <Fragment key={id}>
              <tr {...propsOf(id)} data-open={isOpen}>
                <td className={styles.toggle}>
                  <IconButton
                    icon={isOpen ? "down" : "right"}
                    label={`${isOpen ? "Hide" : "Show"} what was changed: ${describeAction(action)}`}
                    aria-expanded={isOpen}
                    onClick={() => toggle(id)}
                  />
                </td>
                <td>
                  <ShortInstant at={createdAt} />
                </td>
                <td>
                  <Link to="/audit" search={{ actor }} className={styles.quiet}>
                    <ActorName id={actor} />
                  </Link>
                </td>
                <td>{describeAction(action)}</td>
                <td className={table.wide}>
                  <Link
                    to="/audit"
                    search={{ resource }}
                    className={`mono ${styles.quiet}`}
                    title={resource}
                  >
                    {isPublicId(resource) ? shortenId(resource) : resource}
                  </Link>
                </td>
              </tr>
              {isOpen && (
                <tr className={styles.open}>
                  <td colSpan={5}>
                    <EntryDetails entry={entry} />
                  </td>
                </tr>
              )}
            </Fragment>
          );
        })}
      </tbody>
    </table>
  );
}

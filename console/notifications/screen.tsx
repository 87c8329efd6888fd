import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useRef } from "react";
import { hourMs } from "../../domain/time/durations.ts";
import { priorities } from "../../domain/priority.ts";
import { Button } from "../parts/button.tsx";
import { Choice, ChosenFilter, Filters } from "../parts/filters.tsx";
import { ExportMenu } from "../parts/export-menu.tsx";
import { List } from "../parts/list.tsx";
import { Page, Panel } from "../parts/page.tsx";
import { shortenId } from "../parts/short-id.tsx";
import { Empty, FilteredToNothing } from "../parts/states.tsx";
import { useShortcuts } from "../shell/shortcuts.ts";
import { prefixOf } from "../shell/url.ts";
import { priorityWords, toWords } from "../words/statuses.ts";
import { NotificationTable } from "./notification-table.tsx";
import { notificationsQuery } from "./queries.ts";
import {
  filtersOf,
  type NotificationFilters,
  type NotificationSearch,
  toNotificationQuery,
} from "./search.ts";

const NotifyDialog = lazy(() => import("./notify-dialog.tsx"));

/** The requests to notify somebody, the newest first. */
export function NotificationsScreen() {
  const search = useSearch({ from: "/notifications" });
  const navigate = useNavigate({ from: "/notifications" });
  const query = useQuery({
    ...notificationsQuery(search),
    placeholderData: keepPreviousData,
  });
  const filters = filtersOf(search);
  const isAny = Object.keys(filters).length > 0;
  const isFirst = search.cursor === undefined;
  /** Changes filters: the list then begins at its first page. */
  const change = (changed: NotificationFilters) =>
    void navigate({ search: ({ tz }) => ({ ...(tz && { tz }), ...changed }) });
  const openDialog = (notify: NotificationSearch["notify"]) =>
    void navigate({ search: (before) => ({ ...before, notify }) });
  return (
    <Page
      title="Notifications"
      documentTitle="Notifications"
      actions={
        <>
          <ExportMenu list="notifications" query={toNotificationQuery(search)} />
          <Button kind="primary" icon="send" needs="sender" onClick={() => openDialog("new")}>
            Notify
          </Button>
        </>
      }
    >
      <FilterBar filters={filters} onChange={change} />
      <Panel isFlush>
        <List
          what="the notifications"
          query={query}
          cursor={search.cursor}
          rows={10}
          onTurn={(cursor) => void navigate({ search: (before) => ({ ...before, cursor }) })}
          empty={
            isAny ? (
              <FilteredToNothing what="notifications" onClear={() => change({})} />
            ) : (
              <Empty
                icon="notifications"
                title={isFirst ? "No notifications yet" : "No more notifications"}
              >
                {isFirst ? (
                  <>
                    A notification is one message to one or more named recipients. Choose{" "}
                    <strong>Notify</strong> to send the first one, or use{" "}
                    <code>POST /v1/notifications</code>.
                  </>
                ) : (
                  "This was the last page."
                )}
              </Empty>
            )
          }
        >
          {({ items }, isStale) => <NotificationTable notifications={items} isStale={isStale} />}
        </List>
      </Panel>
      {search.notify && (
        <Suspense>
          <NotifyDialog onClose={() => openDialog(undefined)} />
        </Suspense>
      )}
    </Page>
  );
}

function FilterBar({
  filters,
  onChange,
}: {
  filters: NotificationFilters;
  onChange: (filters: NotificationFilters) => void;
}) {
  const first = useRef<HTMLButtonElement>(null);
  useShortcuts({ f: () => first.current?.focus() });
  const set = (changed: NotificationFilters) =>
    onChange(filtersOf({ ...filters, ...changed } as NotificationSearch));
  return (
    <Filters isAny={Object.keys(filters).length > 0} onClear={() => onChange({})}>
      <Choice
        ref={first}
        name="State"
        values={["pending"] as const}
        words={() => "Not ended yet"}
        chosen={filters.state ? [filters.state] : []}
        onChange={([state]) => set({ state })}
      />
      <Choice
        name="Priority"
        values={priorities}
        words={(priority) => priorityWords[priority]}
        chosen={filters.priority ?? []}
        onChange={(priority) => set({ priority: priority.length > 0 ? priority : undefined })}
      />
      {(["type", "template", "recipient", "from", "before"] as const).map((name) => {
        const value = filters[name];
        return (
          value !== undefined && (
            <ChosenFilter
              key={name}
              name={toWords(name)}
              value={prefixOf(value) ? shortenId(value) : value}
              title={value}
              onRemove={() => set({ [name]: undefined })}
            />
          )
        );
      })}
      <TimeChoice filters={filters} onChange={set} />
    </Filters>
  );
}

const spans = [
  ["Last hour", hourMs],
  ["Last 24 hours", 24 * hourMs],
  ["Last 7 days", 7 * 24 * hourMs],
] as const;

/** Sets from when on notifications are listed. */
function TimeChoice({
  filters,
  onChange,
}: {
  filters: NotificationFilters;
  onChange: (changed: NotificationFilters) => void;
}) {
  if (filters.from !== undefined) return null;
  return (
    <Choice
      name="Created"
      values={spans.map(([name]) => name)}
      words={(name) => name}
      chosen={[]}
      onChange={([chosen]) => {
        const [, ms] = spans.find(([name]) => name === chosen) ?? spans[0];
        onChange({ from: new Date(Date.now() - ms).toISOString() });
      }}
    />
  );
}

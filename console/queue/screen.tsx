import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { deliveriesQuery } from "../deliveries/queries.ts";
import { SelectableRows } from "../deliveries/selectable-rows.tsx";
import { VerbDialog } from "../deliveries/verb-dialog.tsx";
import { type Verb, verbWords } from "../deliveries/verbs.ts";
import { Button } from "../parts/button.tsx";
import { List } from "../parts/list.tsx";
import { Page, Panel } from "../parts/page.tsx";
import { Empty, Failed, Loading, ProblemBanner } from "../parts/states.tsx";
import { Tabs } from "../parts/tabs.tsx";
import { formatCount } from "../words/numbers.ts";
import { wordsOfReason } from "../words/reasons.ts";
import { priorityWords } from "../words/statuses.ts";
import { BacklogCauses } from "./backlog-causes.tsx";
import { Figures } from "./figures.tsx";
import { type Line, toMatrix } from "./matrix.ts";
import { MatrixGrid } from "./matrix-grid.tsx";
import { queuesBy } from "./queries.ts";
import {
  type Picked,
  pickedIn,
  type Pivot,
  pivots,
  type QueueSearch,
  toDeliverySearch,
  withPicked,
} from "./search.ts";
import styles from "./screen.module.css";

const pivotWords: Record<Pivot, string> = {
  reason: "By reason",
  type: "By type",
  queue: "By queue",
};

/** What waits, by reason, type or queue and by priority. Selected cells show their deliveries, with what can be done with them. */
export function QueueScreen() {
  const search = useSearch({ from: "/queue" });
  const navigate = useNavigate({ from: "/queue" });
  const pivot = search.by ?? "reason";
  const { data, error, refetch } = useQuery(queuesBy(pivot));
  const lines = data
    ? toMatrix(data.items.map((item) => ({ ...item, line: item[pivot] ?? null })))
    : [];
  const picked = pickedIn(search);
  const isAny = picked.lines !== null || picked.columns !== null;
  const pick = (next: Picked) =>
    void navigate({ search: (before) => ({ ...before, ...withPicked(before, next) }) });
  return (
    <Page title="Queue" documentTitle="Queue">
      <div className={styles.screen}>
        {data && <Figures queues={data} />}
        <Tabs
          label="What waits"
          tabs={pivots.map((each) => ({
            name: pivotWords[each],
            link: { to: "/queue", search: each === "reason" ? {} : { by: each } },
            isCurrent: pivot === each,
          }))}
        />
        <div className={styles.columns} data-picked={isAny}>
          <div className={styles.column}>
            <Panel title="What waits" isFlush>
              {data ? (
                <>
                  {error && <ProblemBanner error={error} retry={() => void refetch()} />}
                  {lines.length === 0 ? (
                    <Empty icon="check" title="Nothing waits">
                      Every delivery has been sent, or has ended in another way.
                    </Empty>
                  ) : (
                    <MatrixGrid pivot={pivot} lines={lines} picked={picked} onPick={pick} />
                  )}
                  {data.more > 0 && (
                    <p className={styles.more}>
                      {formatCount(data.more)} smaller groups are not shown.
                    </p>
                  )}
                </>
              ) : error ? (
                <Failed what="the queue" error={error} retry={() => void refetch()} />
              ) : (
                <Loading what="the queue" />
              )}
            </Panel>
            <BacklogCauses />
          </div>
          {isAny ? (
            <PickedDeliveries
              search={search}
              count={countPicked(lines, picked)}
              onClear={() => pick({ lines: null, columns: null })}
            />
          ) : (
            lines.length > 0 && (
              <p className={styles.hint}>
                Select cells to see their deliveries and to change them. A press with Shift adds
                further cells; headings select lines and columns. With the keyboard, the arrow keys
                move and Space selects.
              </p>
            )
          )}
        </div>
      </div>
    </Page>
  );
}

/** How many deliveries wait in the selected cells. */
const countPicked = (lines: readonly Line[], picked: Picked): number =>
  lines
    .filter(({ name }) => picked.lines?.includes(name ?? "none") ?? true)
    .flatMap(({ cells }) => Object.entries(cells))
    .filter(([priority]) => picked.columns?.some((each) => each === priority) ?? true)
    .reduce((sum, [, { waiting }]) => sum + waiting, 0);

const offered = ["send", "reprioritise", "cancel"] as const satisfies readonly Verb[];

/** The deliveries of the selected cells, and what can be done with all of them or with rows. */
function PickedDeliveries({
  search,
  count,
  onClear,
}: {
  search: QueueSearch;
  count: number;
  onClear: () => void;
}) {
  const navigate = useNavigate({ from: "/queue" });
  const [verb, setVerb] = useState<Verb | null>(null);
  const filters = toDeliverySearch(search);
  const query = useQuery({
    ...deliveriesQuery({ ...filters, cursor: search.cursor }),
    placeholderData: keepPreviousData,
  });
  return (
    <Panel title={`${formatCount(count)} waiting`} isFlush>
      <div className={styles.picked}>
        <p className="muted">{describePicked(search)}</p>
        <div className={styles.verbs} role="group" aria-label="With all selected cells">
          {offered.map((each) => (
            <Button
              key={each}
              icon={verbWords[each].icon}
              needs="sender"
              onClick={() => setVerb(each)}
            >
              {verbWords[each].name}
            </Button>
          ))}
          <Button kind="quiet" onClick={onClear}>
            Clear
          </Button>
        </div>
      </div>
      <List
        what="the deliveries"
        query={query}
        cursor={search.cursor}
        next="Newer"
        onTurn={(cursor) => void navigate({ search: (before) => ({ ...before, cursor }) })}
        empty={<Empty icon="check" title="Nothing waits in these cells" />}
      >
        {({ items, of }, isStale) => (
          <SelectableRows key={of} search={filters} items={items} isStale={isStale} />
        )}
      </List>
      {verb && (
        <VerbDialog
          verb={verb}
          target={{ where: filters }}
          onClose={() => setVerb(null)}
          onDone={() => setVerb(null)}
        />
      )}
    </Panel>
  );
}

function describePicked(search: QueueSearch): string {
  const { lines, columns } = pickedIn(search);
  const words = search.by === undefined ? wordsOfReason : (name: string) => name;
  return [
    lines?.map(words).join(" or ") ?? "Anything",
    columns?.map((priority) => priorityWords[priority].toLowerCase()).join(" or ") ??
      "any priority",
  ].join(", ");
}

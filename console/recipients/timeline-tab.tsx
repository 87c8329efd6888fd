import { useQuery } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { useNow } from "../parts/now.ts";
import { Panel } from "../parts/page.tsx";
import { Empty, Failed, Loading, ProblemBanner } from "../parts/states.tsx";
import { formatFull } from "../words/instants.ts";
import { formatCount } from "../words/numbers.ts";
import { Band, describeBand } from "./band.tsx";
import { layOutBand } from "./band-layout.ts";
import { LimitGauges } from "./limit-gauges.tsx";
import { pastDays, type Preview, shownDays, type Timeline, timelineQuery } from "./queries.ts";
import { listEntries } from "./timeline-entries.ts";
import { TimelineList } from "./timeline-list.tsx";
import { WhatIf } from "./what-if.tsx";
import styles from "./timeline-tab.module.css";

/** What was, what waits, and when the recipient is reached next, by their clock. */
export function TimelineTab({ id, withPast }: { id: string; withPast: boolean }) {
  const { data, error, refetch } = useQuery(timelineQuery(id, withPast));
  const retry = () => void refetch();
  if (!data)
    return (
      <Panel title="Timeline">
        {error ? (
          <Failed what="the timeline" error={error} retry={retry} />
        ) : (
          <Loading what="the timeline" rows={8} />
        )}
      </Panel>
    );
  return (
    <>
      {error && <ProblemBanner error={error} retry={retry} />}
      <Shown id={id} timeline={data} withPast={withPast} />
    </>
  );
}

function Shown({ id, timeline, withPast }: { id: string; timeline: Timeline; withPast: boolean }) {
  const [preview, setPreview] = useState<Preview | null>(null);
  const search = useSearch({ from: "/recipients/$id" });
  const now = useNow();
  const { timeZone, quiet, limits, range, more, digests } = timeline;
  if (range === null) return null;
  const entries = listEntries(timeline, preview);
  const count = shownDays + (withPast ? pastDays : 0);
  const days = layOutBand({ days: range.days.slice(0, count) }, entries, timeZone, now.getTime());
  return (
    <div className={styles.timeline}>
      <Panel
        title={
          withPast
            ? `The last ${pastDays} days and the next ${shownDays}`
            : `The next ${shownDays} days`
        }
        aside={
          <Link
            to="/recipients/$id"
            params={{ id }}
            search={{ ...search, past: withPast ? undefined : "14" }}
          >
            {withPast ? "Only what comes" : `Also the last ${pastDays} days`}
          </Link>
        }
      >
        <p className={styles.state}>
          {quiet.now ? (
            <>
              <strong>Not to be disturbed now</strong> (
              {quiet.reason === "quiet_hours" ? "quiet hours" : "do not disturb"})
              {quiet.until !== null && <>, until {formatFull(quiet.until, timeZone)}</>}.
            </>
          ) : (
            "Can be disturbed now."
          )}{" "}
          {digests.next[0]
            ? `The next digest is sent at ${formatFull(digests.next[0].at, timeZone)}.`
            : "Gets no digests."}{" "}
          <span className="muted">Messages of a type may follow other rules.</span>
        </p>
        <p className="hidden-text">{describeBand(days, timeZone)}</p>
        <Band days={days} zone={timeZone} />
        {(more > 0 ||
          range.moreEnded > 0 ||
          range.moreDigests ||
          range.moreQuiet > 0 ||
          range.moreSnoozes > 0) && (
          <p className={`muted ${styles.more}`}>
            Not shown: {formatCount(more)} more that wait, {formatCount(range.moreEnded)} more that
            ended{range.moreDigests ? ", and later digests" : ""}
            {range.moreQuiet > 0 ? ", and later times of quiet" : ""}
            {range.moreSnoozes > 0 ? ", and earlier snoozes" : ""}.{" "}
            <Link to="/deliveries" search={{ recipient: id }}>
              All deliveries
            </Link>
          </p>
        )}
      </Panel>
      <Panel title="What if">
        <WhatIf
          recipient={id}
          zone={timeZone}
          until={days.length > 0 ? range.days[days.length - 1]!.until : range.until}
          preview={preview}
          onPreview={setPreview}
        />
      </Panel>
      <Panel title="Limits">
        <LimitGauges limits={limits} />
      </Panel>
      <Panel title="All entries in order" isFlush>
        {entries.length > 0 ? (
          <TimelineList entries={entries} zone={timeZone} />
        ) : (
          <Empty icon="clock" title="Nothing in these days">
            No message waits or was sent, and the recipient has no quiet hours and no digests.
          </Empty>
        )}
      </Panel>
    </div>
  );
}

import { useMutation } from "@tanstack/react-query";
import { useEffect } from "react";
import { Button } from "../parts/button.tsx";
import { ShortInstant, useZone } from "../parts/instant.tsx";
import { Panel } from "../parts/page.tsx";
import { ShortId } from "../parts/short-id.tsx";
import { Loading, ProblemBanner } from "../parts/states.tsx";
import { formatCount, formatNoun } from "../words/numbers.ts";
import { previewRules, withDraft } from "./changes.ts";
import type { Draft, Stage } from "./draft.ts";
import styles from "./editor.module.css";
import type { Preview, Rule } from "./queries.ts";
import { RouteDrawing } from "./route-drawing.tsx";

interface PreviewPanelProps {
  rules: readonly Rule[];
  ruleKey: string;
  draft: Draft;
}

/** Shows what the draft would have changed for the messages of the last day, if it were active. Nothing is sent or saved. */
export function PreviewPanel({ rules, ruleKey, draft }: PreviewPanelProps) {
  const preview = useMutation({ mutationFn: previewRules });
  const { reset } = preview;
  // A preview of what has been changed since would mislead.
  useEffect(() => reset(), [draft, reset]);
  const { data, error, isPending } = preview;
  return (
    <Panel
      title="Preview of the last day"
      aside={
        <Button
          icon="play"
          disabled={isPending}
          onClick={() => preview.mutate(withDraft(rules, ruleKey, draft))}
        >
          Preview
        </Button>
      }
    >
      {isPending ? (
        <Loading what="the preview" rows={4} />
      ) : error ? (
        <ProblemBanner error={error} />
      ) : data ? (
        <PreviewResult preview={data} ruleKey={ruleKey} />
      ) : (
        <p className="muted">
          Applies the rule, as if it were active, to the messages that were requested in the last 24
          hours, and shows which would have gone another way. Nothing is sent or saved.
        </p>
      )}
    </Panel>
  );
}

const ofMessages = ({ messages, recipients }: { messages: number; recipients: number }) =>
  `${formatNoun(messages, "message")} to ${formatNoun(recipients, "recipient")}`;

function PreviewResult({ preview, ruleKey }: { preview: Preview; ruleKey: string }) {
  const { changed, routes, requested, cutOffAt, from } = preview;
  const zone = useZone();
  const own = preview.rules.find(({ key }) => key === ruleKey);
  return (
    <div className={styles.list} role="status">
      <p className={styles.figure}>
        <strong className="figures">{formatCount(changed.messages)}</strong> of{" "}
        {ofMessages(preview)} would have gone another way.
      </p>
      {own && <p>The rule would have held for {ofMessages(own)}.</p>}
      <p className="muted">
        Since <ShortInstant at={cutOffAt ?? from} /> ({zone})
        {cutOffAt !== null && ": there were too many to look at all of the day"}
        {requested > 0 && `. ${formatNoun(requested, "message")} had a route in the request`}.
      </p>
      {routes.map((pair) => (
        <div
          key={JSON.stringify([pair.before, pair.after])}
          className={styles.pair}
          role="group"
          aria-label={`Another route for ${ofMessages(pair)}`}
        >
          <p>
            <strong>{ofMessages(pair)}</strong>
          </p>
          <div>
            <span className="muted">Before, by {pair.before.origin}</span>
            <RouteDrawing stages={pair.before.stages as Stage[]} />
          </div>
          <div>
            <span className="muted">
              After, by {pair.after.origin}
              {pair.after.priority !== null && `, priority ${pair.after.priority}`}
              {pair.after.leftOut > 0 &&
                `, ${formatNoun(pair.after.leftOut, "stage does", "stages do")} not fit`}
            </span>
            <RouteDrawing stages={pair.after.stages as Stage[]} />
          </div>
          {pair.examples.length > 0 && (
            <p className="muted">
              Such as{" "}
              {pair.examples.map(({ delivery }, index) => (
                <span key={delivery}>
                  {index > 0 && ", "}
                  <ShortId id={delivery} />
                </span>
              ))}
            </p>
          )}
        </div>
      ))}
    </div>
  );
}

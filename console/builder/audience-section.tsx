import type { UseQueryResult } from "@tanstack/react-query";
import { useQuery } from "@tanstack/react-query";
import { Choice } from "../parts/filters.tsx";
import { Field } from "../parts/form.tsx";
import { Failed, Loading, ProblemBanner } from "../parts/states.tsx";
import { openTopicsQuery } from "../topics/queries.ts";
import { formatCount, formatNoun } from "../words/numbers.ts";
import styles from "./builder.module.css";
import { useParts } from "./context.ts";
import { audienceOf, type DraftAudience } from "./draft.ts";
import { FilterEditor } from "./filter-editor.tsx";
import { parseFilter } from "./filter-node.ts";
import { type AudiencePreview, segmentsQuery } from "./queries.ts";
import { Section } from "./section.tsx";
import { Waterfall } from "./waterfall.tsx";

/** Who gets the message: segments, conditions, or everybody, with the count. */
export function AudienceSection({ count }: { count: UseQueryResult<AudiencePreview> }) {
  const { draft, update, faultOf, stored } = useParts();
  const { audience } = draft;
  const segments = useQuery(segmentsQuery);
  const set = (change: Partial<DraftAudience>) => update({ audience: { ...audience, ...change } });
  const items = segments.data?.items ?? [];
  const keys = [
    ...new Set([...items.map(({ key }) => key), ...audience.include, ...audience.exclude]),
  ];
  const nameOf = (key: string) => items.find((each) => each.key === key)?.name ?? key;
  const fault = faultOf("/audience");
  const isCorrection = stored?.campaign.corrects != null;

  return (
    <Section id="audience">
      {isCorrection ? (
        <p>A correction goes to the recipients whom the corrected campaign reached or missed.</p>
      ) : (
        <div className={styles.stack}>
          <fieldset className={styles.choices}>
            <legend>Who gets it</legend>
            <label>
              <input
                type="radio"
                name="audience"
                checked={!audience.isEverybody}
                onChange={() => set({ isEverybody: false })}
              />
              Those in segments, or who meet conditions
            </label>
            <label>
              <input
                type="radio"
                name="audience"
                checked={audience.isEverybody}
                onChange={() => set({ isEverybody: true })}
              />
              Everybody
            </label>
          </fieldset>
          {segments.error && (
            <ProblemBanner error={segments.error} retry={() => void segments.refetch()} />
          )}
          <TopicField />
          <div className={styles.pickers} role="group" aria-label="Segments">
            {!audience.isEverybody && (
              <Choice
                name="In any of"
                values={keys}
                words={nameOf}
                chosen={audience.include}
                onChange={(include) => set({ include })}
              />
            )}
            <Choice
              name="Not in"
              values={keys}
              words={nameOf}
              chosen={audience.exclude}
              onChange={(exclude) => set({ exclude })}
            />
            {segments.data && keys.length === 0 && (
              <span className="muted">There are no segments yet.</span>
            )}
          </div>
          {!audience.isEverybody && (
            <div className={styles.stack}>
              <h3>
                {audience.include.length > 0 ? "And who meet these conditions" : "Conditions"}
              </h3>
              <FilterEditor filter={audience.where} onChange={(where) => set({ where })} />
            </div>
          )}
          {fault !== undefined && (
            <p role="alert" className={styles.fault}>
              {fault}
            </p>
          )}
        </div>
      )}
      <AudienceCount count={count} />
    </Section>
  );
}

/** The topic of the campaign. Choosing one makes its subscribers the audience, unless the audience names somebody already. */
function TopicField() {
  const { draft, update, faultOf } = useParts();
  const { data: topics = [] } = useQuery(openTopicsQuery);
  const topic = draft.topic ?? null;
  if (topics.length === 0 && topic === null) return null;
  const choose = (key: string) => {
    const isFree = !draft.audience.isEverybody && audienceOf(draft.audience) === null;
    update({
      topic: key || null,
      ...(key && isFree && { audience: { ...draft.audience, where: parseFilter({ topic: key }) } }),
    });
  };
  return (
    <Field
      label="Topic"
      hint="A link to unsubscribe ends the subscription to it, and nobody gets the message who is not subscribed when it is due."
      error={faultOf("/topic")}
    >
      {(control) => (
        <select {...control} value={topic ?? ""} onChange={({ target }) => choose(target.value)}>
          <option value="">None</option>
          {[...new Set([...topics.map(({ key }) => key), ...(topic ? [topic] : [])])].map((key) => (
            <option key={key} value={key}>
              {topics.find((each) => each.key === key)?.name ?? key}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

function AudienceCount({
  count: { data, error, isFetching, refetch },
}: {
  count: UseQueryResult<AudiencePreview>;
}) {
  if (error && !data) return <Failed what="the count" error={error} retry={() => void refetch()} />;
  if (!data)
    return isFetching ? (
      <Loading what="the count" rows={3} />
    ) : (
      <p className="muted">The audience is counted as soon as it names somebody.</p>
    );
  const { waterfall, count } = data;
  return (
    <div className={styles.stack} aria-busy={isFetching} data-testid="audience-count">
      {waterfall ? (
        <Waterfall
          from={{ name: "All included", count: waterfall.included }}
          steps={[
            { name: "Erased", count: waterfall.erased },
            { name: "Excluded", count: waterfall.excluded },
            { name: "Suppressed", count: waterfall.suppressed },
            { name: "No address", count: waterfall.noAddress },
          ]}
          rest={{ name: "Reachable by email", count: waterfall.reachable }}
        />
      ) : (
        "atLeast" in count && (
          <p>
            <strong>At least {formatNoun(count.atLeast, "recipient")}.</strong>{" "}
            <span className="muted">Counting all of them takes too long.</span>
          </p>
        )
      )}
      {"exactly" in count && count.exactly === 0 && (
        <p className={styles.strip}>Nobody is in this audience.</p>
      )}
      <p className="muted">
        Segments are evaluated when the campaign begins.{" "}
        {isFetching
          ? "Counting…"
          : `A sample of ${formatCount(data.sample.length)} is in the preview above.`}
      </p>
    </div>
  );
}

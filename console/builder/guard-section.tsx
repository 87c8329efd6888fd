import { useQuery } from "@tanstack/react-query";
import type { Priority } from "../../domain/priority.ts";
import { Field, Fields } from "../parts/form.tsx";
import { Instant } from "../parts/instant.tsx";
import { Loading, ProblemBanner } from "../parts/states.tsx";
import { formatNoun } from "../words/numbers.ts";
import { wordsOfReason } from "../words/reasons.ts";
import { priorityWords } from "../words/statuses.ts";
import styles from "./builder.module.css";
import { useParts } from "./context.ts";
import { typesQuery } from "./queries.ts";
import { Section } from "./section.tsx";

const priorityOrder = ["critical", "high", "normal", "low"] as const satisfies readonly Priority[];

/** The type and the priority, and what the policy will do with the messages. */
export function GuardSection() {
  const { draft, update, faultOf, isFrozen, forecast } = useParts();
  const types = useQuery(typesQuery);
  const items = types.data?.items ?? [];
  const chosen = items.find(({ key }) => key === draft.type);
  return (
    <Section id="guard">
      <div className={styles.columns}>
        <Fields>
          {types.error && <ProblemBanner error={types.error} retry={() => void types.refetch()} />}
          <Field
            label="Notification type"
            hint={
              isFrozen
                ? "It cannot be changed: deliveries were decided by it."
                : "Recipients switch types off, and set when and how they get them. Without a type, messages are never batched or digested."
            }
            error={faultOf("/type")}
          >
            {(control) => (
              <select
                {...control}
                disabled={isFrozen}
                value={draft.type ?? ""}
                onChange={({ target }) =>
                  update({ type: target.value === "" ? null : target.value })
                }
              >
                <option value="">No type</option>
                {draft.type !== null && !chosen && <option>{draft.type}</option>}
                {items.map(({ key }) => (
                  <option key={key} value={key}>
                    {key}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <Field label="Priority" error={faultOf("/priority")}>
            {(control) => (
              <select
                {...control}
                value={draft.priority ?? ""}
                onChange={({ target }) =>
                  update({ priority: target.value === "" ? null : (target.value as Priority) })
                }
              >
                {!isFrozen && (
                  <option value="">
                    {chosen
                      ? `That of the type (${chosen.priority})`
                      : "Normal, or that of the type"}
                  </option>
                )}
                {priorityOrder.map((priority) => (
                  <option key={priority} value={priority}>
                    {priorityWords[priority]}
                  </option>
                ))}
              </select>
            )}
          </Field>
        </Fields>
        {!isFrozen && (
          <div className={styles.stack}>
            <h3>What the policy does</h3>
            {forecast.data ? (
              <PolicyEffects />
            ) : forecast.isFetching ? (
              <Loading what="the preview" rows={3} />
            ) : (
              <p className="muted">It is shown once the message and the audience are complete.</p>
            )}
          </div>
        )}
      </div>
    </Section>
  );
}

function PolicyEffects() {
  const { forecast } = useParts();
  const { lost, waiting, messages } = forecast.data!;
  const waitingCount = waiting.reduce((sum, { count }) => sum + count, 0);
  return (
    <ul className={styles.effects} aria-busy={forecast.isFetching}>
      <li>
        <strong>{formatNoun(messages - waitingCount, "message")}</strong> can be sent at once.
      </li>
      {waiting.map(({ reason, count, from, until }) => (
        <li key={reason}>
          <strong>{formatNoun(count, "message waits", "messages wait")}</strong>:{" "}
          {wordsOfReason(reason).toLowerCase()}, until <Instant at={from} />
          {until !== from && (
            <>
              , the last until <Instant at={until} />
            </>
          )}
        </li>
      ))}
      {lost.map(({ reason, count }) => (
        <li key={reason}>
          <strong>{formatNoun(count, "recipient gets nothing", "recipients get nothing")}</strong>:{" "}
          {wordsOfReason(reason).toLowerCase()}
        </li>
      ))}
    </ul>
  );
}

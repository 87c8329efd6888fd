import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useId, useState } from "react";
import { ApiProblem } from "../api/problem.ts";
import { Button } from "../parts/button.tsx";
import { Icon } from "../parts/icon.tsx";
import { Panel } from "../parts/page.tsx";
import { Loading, ProblemBanner } from "../parts/states.tsx";
import { StatusChip } from "../parts/status-chip.tsx";
import { type RecipientExplanation, recipientExplanationQuery } from "./queries.ts";
import { describeFilter } from "./audience-words.ts";
import styles from "./why-box.module.css";

/**
 * Asks why a recipient did or did not get a campaign. What is typed may be an external id, and so an address: it stays in the component,
 * and is in no address of a page.
 */
export function WhyBox({ id }: { id: string }) {
  const [asked, ask] = useState<string | null>(null);
  const field = useId();
  const { data, error, isFetching, refetch } = useQuery({
    ...recipientExplanationQuery(id, asked ?? ""),
    enabled: asked !== null,
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const typed = new FormData(event.currentTarget).get("recipient");
    const text = typeof typed === "string" ? typed.trim() : "";
    if (text === "") return;
    if (text === asked) void refetch();
    else ask(text);
  };
  return (
    <Panel title="Why did … (not) get it?">
      <form className={styles.form} onSubmit={submit}>
        <label className="hidden-text" htmlFor={field}>
          A recipient: their external id, or rcp_…
        </label>
        <input
          id={field}
          name="recipient"
          placeholder="External id, or rcp_…"
          autoComplete="off"
          spellCheck={false}
          maxLength={200}
        />
        <Button type="submit" icon="question">
          Why?
        </Button>
      </form>
      <div aria-live="polite" className={styles.answer}>
        {asked !== null && isFetching && !data && <Loading what="the explanation" rows={2} />}
        {error &&
          (error instanceof ApiProblem && error.status === 404 ? (
            <p>
              No recipient has this external id or id. External ids are compared exactly, with their
              upper and lower case.
            </p>
          ) : (
            <ProblemBanner error={error} />
          ))}
        {data && !error && <Answer explanation={data} />}
      </div>
    </Panel>
  );
}

function Answer({
  explanation: { summary, delivery, audience },
}: {
  explanation: RecipientExplanation;
}) {
  return (
    <>
      {delivery && (
        <p className={styles.status}>
          <StatusChip status={delivery.status} />
        </p>
      )}
      <p>{summary}</p>
      {delivery && (
        <p>
          <Link
            to="."
            search={(before) => ({ ...before, why: delivery.delivery, peek: undefined }) as never}
          >
            All rules and attempts
          </Link>
        </p>
      )}
      {audience && <AudienceParts audience={audience} />}
    </>
  );
}

type Part = NonNullable<RecipientExplanation["audience"]>["parts"][number];

/** What a part of the audience requires of a recipient. */
const requirements: Record<Part["part"], string> = {
  include: "In one of the segments: ",
  where: "",
  exclude: "Not in the segment: ",
};

/** The conditions of the audience, each ticked or crossed for the recipient as they are now. */
function AudienceParts({ audience }: { audience: NonNullable<RecipientExplanation["audience"]> }) {
  if (audience.parts.length === 0)
    return <p className="muted">The audience has no conditions: it is everybody.</p>;
  return (
    <ul className={styles.parts} aria-label="The conditions of the audience, as things stand now">
      {audience.parts.map(({ part, segment, filter, keepsOut }, index) => (
        <li key={index} data-keeps-out={keepsOut}>
          <Icon name={keepsOut ? "close" : "check"} />
          <span>
            <span className="hidden-text">{keepsOut ? "Keeps them out: " : "Fulfilled: "}</span>
            {requirements[part]}
            {segment !== null && (
              <>
                <strong>{segment}</strong>,{" "}
              </>
            )}
            <span className={segment === null ? undefined : "muted"}>
              {describeFilter(filter as Parameters<typeof describeFilter>[0])}
            </span>
          </span>
        </li>
      ))}
    </ul>
  );
}

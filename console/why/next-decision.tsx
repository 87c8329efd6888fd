import { useQuery } from "@tanstack/react-query";
import type { DeliveryDetails } from "../deliveries/queries.ts";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";
import { Instant } from "../parts/instant.tsx";
import { Loading, ProblemBanner } from "../parts/states.tsx";
import { wordsOfReason } from "../words/reasons.ts";

/** What the rules would do now with a message like one that waits, and what they would do after that. */
export function NextDecision({ delivery }: { delivery: DeliveryDetails }) {
  const { recipient, type, priority } = delivery;
  const { data, error, refetch } = useQuery({
    queryKey: ["decision", recipient, type, priority],
    queryFn: ({ signal }) =>
      answerOf(
        api.v1.decisions.preview.$post(
          { json: { recipient, priority, ...(type !== null && { type }) } },
          { init: { signal } },
        ),
      ),
    staleTime: 30_000,
  });
  return (
    <section aria-labelledby="why-next">
      <h3 id="why-next">If it were requested now</h3>
      {data ? (
        <>
          <p>{data.summary}</p>
          {data.afterwards.length > 0 && (
            <ol>
              {data.afterwards.map(({ at, decision }, index) => (
                <li key={index}>
                  <Instant at={at} />:{" "}
                  {decision.kind === "send"
                    ? "sent"
                    : `${decision.kind === "suppress" ? "not sent" : "waits"}, ${wordsOfReason(decision.reason ?? "none").toLowerCase()}`}
                </li>
              ))}
            </ol>
          )}
          <p className="muted">
            For a message of this type and priority to this recipient, with the rules and
            preferences of now.
          </p>
        </>
      ) : error ? (
        <ProblemBanner error={error} retry={() => void refetch()} />
      ) : (
        <Loading what="what would happen now" rows={2} />
      )}
    </section>
  );
}

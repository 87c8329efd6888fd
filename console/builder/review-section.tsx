import { Button } from "../parts/button.tsx";
import { Icon } from "../parts/icon.tsx";
import { Instant } from "../parts/instant.tsx";
import { Facts } from "../parts/page.tsx";
import { Loading, ProblemBanner } from "../parts/states.tsx";
import { formatCount, formatNoun } from "../words/numbers.ts";
import { wordsOfReason } from "../words/reasons.ts";
import styles from "./builder.module.css";
import { useParts } from "./context.ts";
import { HourHistogram } from "./hour-histogram.tsx";
import { faultsOf, type FoundProblem, sectionOf } from "./problems.ts";
import type { Forecast } from "./queries.ts";
import { goToSection, Section, sectionNames } from "./section.tsx";
import { TestSend } from "./test-send.tsx";
import { Waterfall } from "./waterfall.tsx";

/** What will happen, what is still wrong, and a test message. */
export function ReviewSection({ problems }: { problems: readonly FoundProblem[] }) {
  const { isFrozen, forecast } = useParts();
  return (
    <Section id="review">
      {problems.length > 0 && <Problems problems={problems} />}
      {isFrozen ? (
        <TestSend />
      ) : (
        <div className={styles.columns}>
          <div className={styles.stack}>
            <h3>Forecast</h3>
            {forecast.data ? (
              <div aria-busy={forecast.isFetching} className={styles.stack}>
                <ForecastView forecast={forecast.data} />
              </div>
            ) : forecast.error && faultsOf(forecast.error).length === 0 ? (
              <ProblemBanner error={forecast.error} retry={() => void forecast.refetch()} />
            ) : forecast.isFetching ? (
              <Loading what="the forecast" rows={5} />
            ) : (
              <p className="muted">
                It is calculated once the message and the audience are complete.
              </p>
            )}
          </div>
          <TestSend />
        </div>
      )}
    </Section>
  );
}

function Problems({ problems }: { problems: readonly FoundProblem[] }) {
  return (
    <div className={styles.problems} role="group" aria-label="Problems">
      <h3>
        <Icon name="warning" /> {formatNoun(problems.length, "thing")} to do before it can start
      </h3>
      <ul>
        {problems.map(({ field, message }) => (
          <li key={`${field} ${message}`}>
            <Button kind="quiet" onClick={() => goToSection(sectionOf(field))}>
              {sectionNames[sectionOf(field)]}
            </Button>
            {/^[A-Z]/.test(message)
              ? message
              : `${field.slice(1).replaceAll("/", ", ")} ${message}.`}
          </li>
        ))}
      </ul>
    </div>
  );
}

function ForecastView({ forecast }: { forecast: Forecast }) {
  const { handOvers, audience, reachable, lost, waiting, ahead, limits, assumptions } = forecast;
  const { first, last, beyond, hours } = handOvers;
  return (
    <>
      <Waterfall
        from={{ name: "Audience", count: audience }}
        steps={lost.map(({ reason, count }) => ({ name: wordsOfReason(reason), count }))}
        rest={{ name: "Reachable", count: reachable }}
      />
      <Facts
        items={[
          ["First hand-over", first && <Instant key="first" at={first} />],
          ["Last hand-over", last && <Instant key="last" at={last} />],
          [
            "Later than 31 days",
            beyond > 0 ? `${formatNoun(beyond, "message")}: the limits are too low` : null,
          ],
          [
            "Wait",
            waiting.length > 0
              ? waiting
                  .map(
                    ({ reason, count }) =>
                      `${formatCount(count)} ${wordsOfReason(reason).toLowerCase()}`,
                  )
                  .join(", ")
              : null,
          ],
          [
            "In front",
            ahead > 0 ? formatNoun(ahead, "message that is due", "messages that are due") : null,
          ],
          [
            "Limits",
            limits.length > 0
              ? limits.map((limit) => describeLimit(limit)).join("; ")
              : "none in force",
          ],
        ]}
      />
      <HourHistogram hours={hours} />
      <details>
        <summary>What the forecast assumes</summary>
        <ul className={styles.assumptions}>
          {assumptions.map((assumption) => (
            <li key={assumption}>{assumption}</li>
          ))}
        </ul>
      </details>
    </>
  );
}

function describeLimit({
  kind,
  name,
  permitsPerSecond,
  hourlyQuota,
  dailyQuota,
}: Forecast["limits"][number]): string {
  const parts = [
    permitsPerSecond !== null && `${permitsPerSecond} a second`,
    hourlyQuota !== null && `${formatCount(hourlyQuota)} an hour`,
    dailyQuota !== null && `${formatCount(dailyQuota)} a day`,
  ].filter((part) => part !== false);
  return `${kind === "throttle" ? "this campaign" : name}: ${parts.join(", ") || "shut for a while"}`;
}

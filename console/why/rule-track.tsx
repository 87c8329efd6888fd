import type { Explanation } from "../deliveries/queries.ts";
import { Icon } from "../parts/icon.tsx";
import { toWords } from "../words/statuses.ts";
import { nameOfFact } from "./fact-words.ts";
import { Value } from "./value.tsx";
import styles from "./rule-track.module.css";

type Rule = Explanation["rules"][number];

/** The rules in their order, as a track: those that left the decision to the next one, the one that decided, and those that were not asked. */
export function RuleTrack({ rules, versions }: Pick<Explanation, "rules" | "versions">) {
  const isHeldByNone = rules.every(({ outcome }) => outcome === "passed");
  return (
    <ol className={styles.track}>
      {rules.map((rule) => (
        <li
          key={rule.name}
          className={styles.rule}
          data-outcome={rule.outcome}
          title={
            rule.outcome === "not_asked" ? "Not asked: an earlier rule had decided" : undefined
          }
        >
          <span className={styles.mark}>
            {rule.outcome === "passed" && <Icon name="check" size={12} />}
          </span>
          {rule.outcome === "not_asked" ? (
            <p className={styles.name}>
              {toWords(rule.name)} <span className="hidden-text">Not asked</span>
            </p>
          ) : (
            <details open={rule.outcome === "decided"}>
              <summary className={styles.name}>
                {toWords(rule.name)}{" "}
                <span className={rule.outcome === "decided" ? styles.outcome : "hidden-text"}>
                  {rule.outcome === "decided" ? "Decided" : "Passed"}
                </span>
              </summary>
              <Weighed rule={rule} versions={versions} />
            </details>
          )}
        </li>
      ))}
      {isHeldByNone && (
        <li className={styles.rule} data-outcome="decided">
          <span className={styles.mark} />
          <p className={styles.name}>
            No rule held it back <span className={styles.outcome}>Sent at once</span>
          </p>
        </li>
      )}
    </ol>
  );
}

function Weighed({ rule, versions }: { rule: Rule; versions: Explanation["versions"] }) {
  const saw = Object.entries(rule.saw ?? {});
  const layers = {
    recipient: `Recipient, version ${versions.preferences}`,
    type: `Type, version ${versions.type ?? "none"}`,
    organisation: `Policy, version ${versions.policy}`,
  };
  return (
    <div className={styles.weighed}>
      <p className="muted">{rule.asks}</p>
      {(saw.length > 0 || rule.preferences.length > 0) && (
        <dl>
          {saw.map(([name, value]) => (
            <div key={name}>
              <dt>{nameOfFact(name)}</dt>
              <dd>
                <Value name={name} value={value} />
              </dd>
            </div>
          ))}
          {rule.preferences.map(({ path, value, from }) => (
            <div key={path}>
              <dt>{toWords(path)}</dt>
              <dd>
                <Value name={path} value={value} />{" "}
                <span className={styles.origin} data-from={from}>
                  {layers[from as keyof typeof layers] ?? toWords(from)}
                </span>
              </dd>
            </div>
          ))}
        </dl>
      )}
    </div>
  );
}

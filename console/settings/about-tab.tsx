import { useSession } from "../api/session.ts";
import { Instant } from "../parts/instant.tsx";
import { Facts, Panel } from "../parts/page.tsx";
import styles from "./settings.module.css";

/** Which installation this is, and who uses it. */
export function AboutTab() {
  const { environment, links, features, name, role, scopes, actor, expiresAt, provenUntil } =
    useSession();
  return (
    <div className={styles.columns}>
      <Panel title="This installation">
        <Facts
          items={[
            ["Version", import.meta.env["TIDINGS_VERSION"] as string],
            ["Environment", environment.name ?? <span className="muted">has no name</span>],
            ["Push", features.includes("push") ? "set up" : "not set up"],
            ["Sealing", features.includes("sealing") ? "set up" : "not set up"],
            [
              "API",
              <a key="docs" href={links.docs}>
                Reference
              </a>,
            ],
            [
              "Temporal",
              links.temporalUi === null ? (
                <span className="muted">CONSOLE_TEMPORAL_URL is not set</span>
              ) : (
                <a key="temporal" href={links.temporalUi} rel="noreferrer">
                  Web interface
                </a>
              ),
            ],
          ]}
        />
      </Panel>
      <Panel title="You">
        <Facts
          items={[
            ["Name", name],
            ["Role", role],
            ["Scopes", scopes === null ? "everything that the role may do" : scopes.join(", ")],
            ["Id", <code key="id">{actor}</code>],
            ["Signed in until", <Instant key="until" at={expiresAt} />],
            [
              "Confirmed until",
              provenUntil === null ? (
                <span className="muted">
                  You are asked to confirm who you are before changes that reach far.
                </span>
              ) : (
                <Instant key="proof" at={provenUntil} />
              ),
            ],
          ]}
        />
      </Panel>
    </div>
  );
}

import { useState } from "react";
import { Button } from "../parts/button.tsx";
import { Instant } from "../parts/instant.tsx";
import { useNow } from "../parts/now.ts";
import { Facts, Panel } from "../parts/page.tsx";
import { ProblemBanner } from "../parts/states.tsx";
import { channelWords } from "../words/statuses.ts";
import { reveal } from "./actions.ts";
import { JsonTree } from "./json-tree.tsx";
import { formatClock } from "./local-clock.ts";
import { ProfileDialog, type RevealedVersion } from "./profile-dialog.tsx";
import type { Recipient } from "./queries.ts";
import styles from "./profile-tab.module.css";

/** Who the recipient is. Addresses are masked until somebody who may send reveals them. */
export function ProfileTab({ recipient }: { recipient: Recipient & { etag: string } }) {
  const now = useNow();
  const [revealed, setRevealed] = useState<RevealedVersion | null>(null);
  /** The version with which the edit began: it goes on if somebody else changes the recipient. */
  const [edited, setEdited] = useState<RevealedVersion | null>(null);
  const [error, setError] = useState<unknown>(null);
  // What was revealed is of one version: after a change it is masked again.
  const shown = revealed?.etag === recipient.etag ? revealed : null;
  const person = shown ?? recipient;
  const revealThen = async (next: (version: RevealedVersion) => void) => {
    setError(null);
    try {
      const version = shown ?? { ...(await reveal(recipient.id)), etag: recipient.etag };
      setRevealed(version);
      next(version);
    } catch (failure) {
      setError(failure);
    }
  };
  return (
    <div className={styles.parts}>
      <Panel
        title="Profile"
        aside={
          <span className={styles.actions}>
            {shown ? (
              <Button onClick={() => setRevealed(null)}>Mask</Button>
            ) : (
              <Button
                needs="sender"
                icon="shield"
                title="The audit trail records who has seen the addresses"
                onClick={() => void revealThen(() => {})}
              >
                Reveal
              </Button>
            )}
            <Button needs="sender" onClick={() => void revealThen(setEdited)}>
              Edit
            </Button>
          </span>
        }
      >
        {error !== null && <ProblemBanner error={error} />}
        <Facts
          items={[
            ["Recipient", <code key="id">{recipient.id}</code>],
            ["External id", person.externalId],
            ["Email", person.email ?? "none"],
            ["Phone", person.phone ?? "none"],
            [
              "Time zone",
              `${person.timeZone}, where it is ${formatClock(now, person.timeZone)} now`,
            ],
            ["Locale", person.locale],
            [
              "Reached by",
              [...person.reachableBy, "in_app" as const]
                .map((channel) => channelWords[channel])
                .join(", "),
            ],
            ["Created", <Instant key="created" at={person.createdAt} />],
            ["Changed", <Instant key="updated" at={person.updatedAt} />],
          ]}
        />
      </Panel>
      <Panel title="Attributes">
        {Object.keys(person.attributes).length > 0 ? (
          <JsonTree value={person.attributes} />
        ) : (
          <p className="muted">None. Segments and templates can use attributes.</p>
        )}
      </Panel>
      {edited && <ProfileDialog recipient={edited} onClose={() => setEdited(null)} />}
    </div>
  );
}

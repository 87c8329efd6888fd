import type { ReactNode } from "react";
import { useQuery } from "@tanstack/react-query";
import { ActorName } from "../parts/actor-name.tsx";
import { Button } from "../parts/button.tsx";
import { Icon } from "../parts/icon.tsx";
import { ShortInstant } from "../parts/instant.tsx";
import type { KeptDraft } from "./drafts.ts";
import { versionsQuery } from "./queries.ts";
import styles from "./notices.module.css";

/** Something about the page that asks for a decision. */
export function Notice({ children, actions }: { children: ReactNode; actions: ReactNode }) {
  return (
    <div className={styles.notice} role="status">
      <Icon name="warning" />
      <p>{children}</p>
      <span className={styles.actions}>{actions}</span>
    </div>
  );
}

/** Offers a text that an earlier page of this browser has kept. */
export function DraftOffer({
  offer,
  onRestore,
  onDiscard,
}: {
  offer: KeptDraft;
  onRestore: () => void;
  onDiscard: () => void;
}) {
  return (
    <Notice
      actions={
        <>
          <Button onClick={onDiscard}>Discard it</Button>
          <Button kind="primary" onClick={onRestore}>
            Restore it
          </Button>
        </>
      }
    >
      Restore the draft of <ShortInstant at={offer.at} />? It was not saved
      {offer.base > 0 && <>, and began with version {offer.base}</>}.
    </Notice>
  );
}

/** Says that somebody else has saved a version since this page was opened. */
export function NewerVersion({
  templateKey,
  version,
  isDirty,
  onCompare,
  onKeep,
  onOpen,
}: {
  templateKey: string;
  version: number;
  isDirty: boolean;
  onCompare: () => void;
  onKeep: () => void;
  onOpen: () => void;
}) {
  const { data } = useQuery(versionsQuery(templateKey));
  const newer = data?.items.find((each) => each.version === version);
  return (
    <Notice
      actions={
        <>
          <Button onClick={onCompare}>Compare</Button>
          {isDirty ? (
            <Button kind="primary" onClick={onKeep}>
              Keep my text for version {version + 1}
            </Button>
          ) : (
            <Button kind="primary" onClick={onOpen}>
              Open version {version}
            </Button>
          )}
        </>
      }
    >
      <strong>Version {version} was saved meanwhile</strong>
      {newer && (
        <>
          {" "}
          by <ActorName id={newer.createdBy} />, <ShortInstant at={newer.createdAt} />
        </>
      )}
      .{isDirty && " Your text is unchanged, and is not saved."}
    </Notice>
  );
}

import { useState } from "react";
import { VerbDialog } from "../deliveries/verb-dialog.tsx";
import { type Verb, verbWords } from "../deliveries/verbs.ts";
import { Button } from "../parts/button.tsx";
import type { Notification } from "./queries.ts";

/** What can be done with the deliveries of a notification that still wait, or that failed. */
export function NotificationVerbs({ notification }: { notification: Notification }) {
  const [verb, setVerb] = useState<Verb | null>(null);
  const { id, counts, stages } = notification;
  const all = [counts, ...stages.map((stage) => stage.counts)];
  const offered: Verb[] = [
    ...(all.some(({ failed, unknown }) => failed + unknown > 0) ? ["retry" as const] : []),
    ...(all.some(({ pending }) => pending > 0)
      ? (["send", "reprioritise", "cancel"] as const)
      : []),
  ];
  return (
    <>
      {offered.map((each) => (
        <Button key={each} icon={verbWords[each].icon} needs="sender" onClick={() => setVerb(each)}>
          {verbWords[each].name}
        </Button>
      ))}
      {verb && (
        <VerbDialog
          verb={verb}
          target={{ where: { source: id } }}
          onClose={() => setVerb(null)}
          onDone={() => setVerb(null)}
        />
      )}
    </>
  );
}

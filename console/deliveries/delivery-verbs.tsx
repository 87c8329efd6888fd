import { useState } from "react";
import { Button } from "../parts/button.tsx";
import { StatusChip } from "../parts/status-chip.tsx";
import type { Delivery } from "./queries.ts";
import { VerbDialog } from "./verb-dialog.tsx";
import { type Verb, verbsFor, verbWords } from "./verbs.ts";
import styles from "./delivery-verbs.module.css";

/** The status of a delivery, and what can be done with it in that status. */
export function DeliveryVerbs({
  delivery,
}: {
  delivery: Pick<Delivery, "id" | "status" | "source">;
}) {
  const [verb, setVerb] = useState<Verb | null>(null);
  return (
    <div className={styles.verbs}>
      <StatusChip status={delivery.status} />
      {verbsFor(delivery).map((each) => (
        <Button key={each} icon={verbWords[each].icon} needs="sender" onClick={() => setVerb(each)}>
          {verbWords[each].name}
        </Button>
      ))}
      {verb && (
        <VerbDialog
          verb={verb}
          target={{ ids: [delivery.id] }}
          onClose={() => setVerb(null)}
          onDone={() => setVerb(null)}
        />
      )}
    </div>
  );
}

import { Button } from "../parts/button.tsx";
import { formatCount } from "../words/numbers.ts";
import { type CampaignVerb, campaignVerbs } from "./actions.ts";
import styles from "./campaign-selection-bar.module.css";

/** What can be done with several campaigns at once. Starting is left out, because each start reaches an audience of its own. */
const bulkVerbs = ["pause", "resume", "cancel"] as const satisfies readonly CampaignVerb[];

/** What can be done with the selected campaigns. */
export function CampaignSelectionBar({
  count,
  onClear,
  onVerb,
}: {
  count: number;
  onClear: () => void;
  onVerb: (verb: CampaignVerb) => void;
}) {
  return (
    <div className={styles.bar} role="toolbar" aria-label="With the selection">
      <strong className="figures">{formatCount(count)} selected</strong>
      {bulkVerbs.map((verb) => (
        <Button
          key={verb}
          icon={campaignVerbs[verb].icon}
          needs="sender"
          onClick={() => onVerb(verb)}
        >
          {campaignVerbs[verb].name}
        </Button>
      ))}
      <Button kind="quiet" onClick={onClear}>
        Clear selection
      </Button>
    </div>
  );
}

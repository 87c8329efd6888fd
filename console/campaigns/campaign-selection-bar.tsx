import { Button } from "../parts/button.tsx";
import { SelectionBar } from "../parts/selection-bar.tsx";
import { type CampaignVerb, campaignVerbs } from "./actions.ts";

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
    <SelectionBar count={count} onClear={onClear}>
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
    </SelectionBar>
  );
}

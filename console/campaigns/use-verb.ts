import { useMutation, useQueryClient } from "@tanstack/react-query";
import { showToast } from "../parts/toast.tsx";
import { applyVerb, type CampaignVerb, campaignVerbs } from "./actions.ts";

interface Applied {
  verb: CampaignVerb;
  campaign: { id: string; name: string };
  /** The same for every repeat of one click, so that it takes effect once. */
  key: string;
}

/** Applies verbs to single campaigns, and says what has happened. A pause can be undone by a resume, and a resume by a pause. */
export function useCampaignVerb({ onDone }: { onDone?: () => void } = {}) {
  const client = useQueryClient();
  const apply = useMutation({
    mutationFn: ({ verb, campaign, key }: Applied) => applyVerb(verb, campaign.id, key),
    onSuccess: (_, { verb, campaign }) => {
      const { past, icon, inverse } = campaignVerbs[verb];
      showToast(`The campaign “${campaign.name}” ${past}.`, {
        icon,
        ...(inverse && {
          undo: () => apply.mutate({ verb: inverse, campaign, key: crypto.randomUUID() }),
        }),
      });
      onDone?.();
    },
    onSettled: () => client.invalidateQueries(),
  });
  return apply;
}

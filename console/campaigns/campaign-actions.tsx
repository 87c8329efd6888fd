import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import type { Campaign } from "./queries.ts";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { ProblemBanner } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import { formatCount } from "../words/numbers.ts";
import { applyVerb, type CampaignVerb, campaignVerbs, duplicate, verbsOf } from "./actions.ts";

const effects: Record<CampaignVerb, string> = {
  start: "Its audience is frozen, and its messages are sent to everybody in it.",
  pause: "No further message is handed over. Those that are being handed over are still sent.",
  resume: "Its messages are handed over again, from where it was paused.",
  cancel:
    "Its waiting deliveries are cancelled for good. Messages that are being handed over are still sent. To stop it for a while, pause it.",
};

/** The buttons of a campaign. What cannot be undone, or reaches many, is confirmed. */
export function CampaignActions({ campaign }: { campaign: Campaign }) {
  const [asked, ask] = useState<{ verb: CampaignVerb; key: string } | null>(null);
  const client = useQueryClient();
  const navigate = useNavigate();
  const apply = useMutation({
    mutationFn: ({ verb, key }: { verb: CampaignVerb; key: string }) =>
      applyVerb(verb, campaign.id, key),
    onSuccess: (_, { verb }) => {
      ask(null);
      showToast(`The campaign ${campaignVerbs[verb].past}.`, { icon: campaignVerbs[verb].icon });
    },
    onSettled: () => client.invalidateQueries(),
  });
  const copy = useMutation({
    mutationFn: (key: string) => duplicate(campaign, key),
    onSuccess: (id) => {
      showToast("The copy is a draft.", { icon: "duplicate" });
      void client.invalidateQueries({ queryKey: ["campaigns"] });
      void navigate({ to: "/campaigns/$id", params: { id } });
    },
    onError: (error) => showToast(`It was not duplicated: ${error.message}`, { icon: "warning" }),
  });
  return (
    <>
      {verbsOf(campaign.status).map((verb) => (
        <Button
          key={verb}
          icon={campaignVerbs[verb].icon}
          needs="sender"
          onClick={() => {
            apply.reset();
            ask({ verb, key: crypto.randomUUID() });
          }}
        >
          {campaignVerbs[verb].name}
        </Button>
      ))}
      <Button
        icon="duplicate"
        needs="sender"
        disabled={copy.isPending}
        onClick={() => copy.mutate(crypto.randomUUID())}
      >
        Duplicate
      </Button>
      {asked && (
        <Dialog
          title={`${campaignVerbs[asked.verb].name}: ${campaign.name}`}
          onClose={() => ask(null)}
          footer={
            <>
              <Button onClick={() => ask(null)}>Leave it as it is</Button>
              <Button
                kind={asked.verb === "cancel" ? "danger" : "primary"}
                needs="sender"
                disabled={apply.isPending}
                onClick={() => apply.mutate(asked)}
              >
                {apply.isPending
                  ? "Waiting for the workers…"
                  : `${campaignVerbs[asked.verb].name} the campaign`}
              </Button>
            </>
          }
        >
          <p>{effects[asked.verb]}</p>
          {campaign.audienceCount !== null && (
            <p>Its audience has {formatCount(campaign.audienceCount)} recipients.</p>
          )}
          {apply.error && <ProblemBanner error={apply.error} />}
        </Dialog>
      )}
    </>
  );
}

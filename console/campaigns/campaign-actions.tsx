import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import type { Campaign } from "./queries.ts";
import { includesRole, useSession } from "../api/session.ts";
import buttons from "../parts/button.module.css";
import { Button } from "../parts/button.tsx";
import { showToast } from "../parts/toast.tsx";
import { useShortcuts } from "../shell/shortcuts.ts";
import { allows, type CampaignVerb, campaignVerbs, duplicate, verbsOf } from "./actions.ts";
import { useCampaignVerb } from "./use-verb.ts";
import { VerbDialog } from "./verb-dialog.tsx";

/** The buttons of a campaign. What cannot be undone is confirmed. The key p pauses or resumes. */
export function CampaignActions({ campaign }: { campaign: Campaign }) {
  const [asked, ask] = useState<CampaignVerb | null>(null);
  const client = useQueryClient();
  const navigate = useNavigate();
  const { role } = useSession();
  const apply = useCampaignVerb();
  const copy = useMutation({
    mutationFn: (key: string) => duplicate(campaign, key),
    onSuccess: (id) => {
      showToast("The copy is a draft.", { icon: "duplicate" });
      void client.invalidateQueries({ queryKey: ["campaigns"] });
      void navigate({ to: "/campaigns/$id", params: { id } });
    },
    onError: (error) => showToast(`It was not duplicated: ${error.message}`, { icon: "warning" }),
  });
  const choose = (verb: CampaignVerb) => {
    if (campaignVerbs[verb].inverse === null) ask(verb);
    else if (!apply.isPending)
      apply.mutate(
        { verb, campaign, key: crypto.randomUUID() },
        {
          onError: (error) =>
            showToast(`${campaignVerbs[verb].name} failed: ${error.message}`, { icon: "warning" }),
        },
      );
  };
  const switching = (["pause", "resume"] as const).find((verb) => allows(campaign.status, verb));
  useShortcuts(switching && includesRole(role, "sender") ? { p: () => choose(switching) } : {});
  return (
    <>
      {verbsOf(campaign.status).map((verb) => (
        <Button
          key={verb}
          icon={campaignVerbs[verb].icon}
          needs="sender"
          disabled={apply.isPending}
          title={`${campaignVerbs[verb].effect}${verb === switching ? " (p)" : ""}`}
          onClick={() => choose(verb)}
        >
          {campaignVerbs[verb].name}
        </Button>
      ))}
      {campaign.status !== "completed" && campaign.status !== "cancelled" && (
        <Link to="/campaigns/$id/edit" params={{ id: campaign.id }} className={buttons.button}>
          Edit
        </Link>
      )}
      <Button
        icon="duplicate"
        needs="sender"
        disabled={copy.isPending}
        title="Make a draft with the same message and audience"
        onClick={() => copy.mutate(crypto.randomUUID())}
      >
        Duplicate
      </Button>
      {asked && <VerbDialog verb={asked} campaign={campaign} onClose={() => ask(null)} />}
    </>
  );
}

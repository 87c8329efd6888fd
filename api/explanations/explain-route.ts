import { judgeStage } from "../../domain/policy/judge-channel.ts";
import type { DecisionInput } from "../../domain/policy/decision.ts";
import { chooseChannel } from "../../domain/policy/route.ts";
import { suppressionOn } from "../../domain/suppression.ts";
import type { RecipientState } from "../../ledger/recipient-snapshot.ts";
import type { DeliveryStage } from "../../ledger/stages.ts";
import type { Explanation } from "./answer.ts";
import type { ExplainedRow } from "./explained-row.ts";

/** Explains the route of a delivery: its stages, and why its stage does not use the channels before the present one. */
export function explainRoute(
  row: ExplainedRow,
  stage: DeliveryStage | null,
  person: RecipientState,
  { type, preferences }: Pick<DecisionInput, "type" | "preferences">,
): Explanation["route"] {
  if (stage === null) return null;
  const { order, judge } = judgeStage({
    route: stage.route,
    stage: stage.stage,
    failed: row.failedChannels,
    priority: row.priority,
    type,
    preferences,
    recipient: person,
    content: row.content,
    suppressionOf: (channel) => suppressionOn(channel, person),
    // Which channels workers offer is not known here: a channel without a provider counts as one that can be used.
    isOffered: () => true,
  });
  const { passedOver } = chooseChannel(order, judge);
  const outSince = new Map(row.outages.map(({ channel, since }) => [channel, since]));
  return {
    origin: stage.origin,
    stage: stage.number,
    stages: stage.route.stages,
    channel: row.channel,
    passedOver: passedOver
      .filter(({ channel }) => channel !== row.channel)
      .map(({ channel, why }) => {
        const since = why === "failed" ? (outSince.get(channel) ?? null) : null;
        return { channel, why: since === null ? why : "out_of_service", since };
      }),
  };
}

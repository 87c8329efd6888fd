import type { Channel, SendRequest, SendResult } from "../../activities/channels/channel.ts";
import { passAll } from "../../activities/channels/passage.ts";
import type { Attempt } from "../../domain/delivery/attempt.ts";

type Reply =
  | Attempt["outcome"]
  | "template_error"
  | Pick<Attempt, "outcome" | "failure" | "response" | "forgiven">;

export type Answer = (request: SendRequest) => Reply | Promise<Reply>;

const attemptWith = (outcome: Attempt["outcome"]) => ({
  outcome,
  failure:
    outcome === "sent"
      ? null
      : outcome === "permanent"
        ? ("recipient_refused" as const)
        : ("connection" as const),
  response: null,
});

/** Creates a channel that sends nothing: it records its requests, and returns the outcome from `answer`. */
export function createRecordingChannel(
  answer: Answer = () => "sent",
  { name = "email", inFlightBound = 10 }: Partial<Pick<Channel, "name" | "inFlightBound">> = {},
) {
  const requests: SendRequest[] = [];
  let open = 0;
  let mostOpen = 0;
  const channel: Channel = {
    name,
    inFlightBound,
    concurrency: inFlightBound,
    opensAt: () => null,
    readyFor: () => Number.POSITIVE_INFINITY,
    recoveredAt: () => null,
    outSince: () => null,
    async send(request): Promise<SendResult> {
      if (!(await passAll(request)))
        return { kind: "held", reason: "provider_rate", until: new Date(Date.now() + 1_000) };
      requests.push(request);
      mostOpen = Math.max(mostOpen, ++open);
      const startedAt = new Date();
      const reply = await answer(request);
      open--;
      if (reply === "template_error")
        return { kind: "unsendable", reason: reply, detail: "as told" };
      const attempt = typeof reply === "string" ? attemptWith(reply) : reply;
      return {
        kind: "attempted",
        attempts: [
          {
            provider: "recording",
            ...attempt,
            startedAt,
            finishedAt: new Date(),
          },
        ],
      };
    },
    close: () => Promise.resolve(),
  };
  return {
    channel,
    requests,
    /** Counts how often each message was handed over. */
    copies: () => {
      const counts = new Map<string, number>();
      for (const { messageId } of requests) counts.set(messageId, (counts.get(messageId) ?? 0) + 1);
      return counts;
    },
    mostOpen: () => mostOpen,
  };
}

import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";
import { inPath } from "./queries.ts";

/** A gate that an operator can stop: of a channel, or of a provider. */
export interface Stoppable {
  kind: "channel" | "provider";
  name: string;
}

/** The stop of a gate: until when, and why. */
export interface Stop {
  until: string;
  reason: string;
}

const paramOf = ({ kind, name }: Stoppable) => ({ kind, name: inPath(name) });

/** Stops all messages of a channel or provider, or changes its stop. */
export async function stopMessages(target: Stoppable, json: Stop): Promise<void> {
  await answerOf(api.v1.gates[":kind"][":name"].stop.$put({ param: paramOf(target), json }));
}

/** Ends a stop. */
export async function openAgain(target: Stoppable): Promise<void> {
  await answerOf(api.v1.gates[":kind"][":name"].stop.$delete({ param: paramOf(target) }));
}

/**
 * Closes the breaker of a provider, and ends a pause that it asked for.
 * @param key the same for every repeat of one click
 */
export async function resetProvider(name: string, key: string): Promise<void> {
  await answerOf(
    api.v1.providers[":name"].reset.$post({
      param: { name: inPath(name) },
      header: { "idempotency-key": key },
    }),
  );
}

import { isDeepStrictEqual } from "node:util";
import type { ChosenRoute } from "../../domain/policy/resolve-route.ts";
import type { RoutingRule } from "../../domain/policy/routing-rule.ts";
import type { FirstDelivery } from "../../ledger/recent-messages.ts";

export const exampleCount = 10;
/** The largest number of pairs of routes in an answer. */
export const pairCount = 50;

/** A delivery, as an example. Ids are UUIDs. */
interface Example {
  delivery: string;
  recipient: string;
}

/** A number of messages and of their recipients, with examples. */
interface Count {
  messages: number;
  recipients: number;
  examples: Example[];
}

export interface RoutingTally {
  messages: number;
  recipients: number;
  /** Messages whose request has a route of its own. */
  requested: number;
  /** Messages whose recipient has been erased, so that the route cannot be chosen again. */
  erased: number;
  /** Messages that get another route or priority. */
  changed: Omit<Count, "examples">;
  /** The messages for which each of the new rules holds. */
  rules: (Count & { key: string })[];
  /** The pairs of an old and a new route that differ, the most frequent first. */
  routes: (Count & { before: ChosenRoute; after: ChosenRoute })[];
}

/** Counts messages by the routes that the old and the new rules choose for them. */
export function createTally(rules: readonly RoutingRule[]) {
  const all = createCounter();
  const changed = createCounter();
  const byRule = new Map(rules.map(({ key }) => [key, createCounter()]));
  const skipped = { requested: 0, erased: 0 };
  // An origin contains the versions of the rules, so that it identifies the route.
  const pairs = new Map<string, ReturnType<typeof createPair>>();

  return {
    /** Counts a message whose route is not chosen again. */
    skip(delivery: FirstDelivery, why: keyof typeof skipped): void {
      all.add(delivery);
      skipped[why] += 1;
    },

    add(delivery: FirstDelivery, before: ChosenRoute, after: ChosenRoute): void {
      all.add(delivery);
      for (const key of after.rules) byRule.get(key)?.add(delivery);
      const name = `${before.origin} ${after.origin}`;
      let pair = pairs.get(name);
      if (!pair) {
        pair = createPair(before, after);
        pairs.set(name, pair);
      }
      if (!pair.differs) return;
      changed.add(delivery);
      pair.counter.add(delivery);
    },

    count(): RoutingTally {
      const { examples: _all, ...total } = all.count();
      const { examples: _changed, ...totalChanged } = changed.count();
      return {
        ...total,
        ...skipped,
        changed: totalChanged,
        rules: [...byRule].map(([key, counter]) => ({ key, ...counter.count() })),
        routes: [...pairs.values()]
          .filter(({ differs }) => differs)
          .map(({ before, after, counter }) => ({ before, after, ...counter.count() }))
          .toSorted((a, b) => b.messages - a.messages)
          .slice(0, pairCount),
      };
    },
  };
}

const createPair = (before: ChosenRoute, after: ChosenRoute) => ({
  before,
  after,
  differs: before.priority !== after.priority || !isDeepStrictEqual(before.route, after.route),
  counter: createCounter(),
});

function createCounter() {
  let messages = 0;
  const recipients = new Set<string>();
  const examples: Example[] = [];
  return {
    add({ id, recipientId }: FirstDelivery): void {
      messages += 1;
      if (examples.length < exampleCount && !recipients.has(recipientId))
        examples.push({ delivery: id, recipient: recipientId });
      recipients.add(recipientId);
    },
    count: (): Count => ({ messages, recipients: recipients.size, examples }),
  };
}

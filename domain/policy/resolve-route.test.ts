import { describe, expect, it } from "vitest";
import type { Channel } from "../channel.ts";
import type { MessageFacts, RecipientFacts } from "../filter.ts";
import {
  commonRoute,
  countOutcomes,
  planRoutes,
  resolveRoute,
  type RouteSources,
} from "./resolve-route.ts";
import type { Route } from "./route.ts";
import type { RoutingRule } from "./routing-rule.ts";

const at = new Date("2027-03-01T09:00:00Z");

const message: MessageFacts = {
  type: "task.deadline",
  priority: "high",
  data: { order: { total: 1_200, items: ["book"] } },
  entityId: "task-17",
  source: "notification",
  sendAt: at,
};

const recipient: RecipientFacts = {
  externalId: "customer-17",
  email: "Ada@Example.org",
  phone: null,
  timeZone: "Asia/Tokyo",
  locale: "en",
  attributes: { plan: "pro" },
  createdAt: at,
  updatedAt: at,
};

/** The channels of stages by short names. */
const stageChannels = {
  email: ["email"],
  push: ["push"],
  in_app: ["in_app"],
  push_or_email: ["push", "email"],
  email_or_push: ["email", "push"],
} satisfies Record<string, readonly ("email" | "push" | "in_app")[]>;

const via = (...named: (keyof typeof stageChannels)[]): Route => ({
  stages: named.map((name) => ({ via: stageChannels[name] })),
});

const rule = (key: string, given: Partial<RoutingRule> = {}): RoutingRule => ({
  key,
  version: 1,
  name: key,
  when: null,
  route: via("push"),
  priority: null,
  templates: {},
  final: true,
  ...given,
});

const sources = (given: Partial<RouteSources> = {}): RouteSources => ({
  requested: null,
  rules: [],
  type: null,
  policy: { version: 0, route: null },
  message,
  findTemplateVersion: (key) => (key === "gone" ? null : `version of ${key}`),
  ...given,
});

const resolve = (given: Partial<RouteSources> = {}) =>
  resolveRoute({ ...sources(given), recipient });

describe("the origin of a route", () => {
  const type = {
    key: "task.deadline",
    version: 3,
    route: via("email_or_push"),
    channels: ["email", "push"] as Channel[],
  };
  const policy = { version: 7, route: via("in_app") };
  const rules = [rule("r")];

  it("is the first of the request, the rules, the type, the policy and the default that has a route", () => {
    const given = { requested: via("push_or_email"), rules, type, policy };
    expect(resolve(given)).toMatchObject({ origin: "request", route: via("push_or_email") });
    expect(resolve({ ...given, requested: null })).toMatchObject({
      origin: "rule:r@1",
      route: via("push"),
    });
    expect(resolve({ type, policy })).toMatchObject({
      origin: "type:task.deadline@3",
      route: via("email_or_push"),
    });
    expect(resolve({ type: { ...type, route: null }, policy })).toMatchObject({
      origin: "policy@7",
      route: via("in_app"),
    });
    expect(resolve()).toEqual({ origin: "default", route: via("email"), rules: [], leftOut: 0 });
  });

  it("is by default a channel that the type allows", () => {
    const byDefault = (channels: Channel[]) =>
      resolve({ type: { ...type, route: null, channels } }).route;
    expect(byDefault(["in_app", "push"])).toEqual(via("push"));
    expect(byDefault(["push", "email"])).toEqual(via("email"));
  });
});

describe("routing rules", () => {
  it("are tried in their order, and the first final one that holds is the last", () => {
    const rules = [
      rule("other-type", { when: { field: "type", equals: "report" } }),
      rule("basic", { when: { attribute: "plan", equals: "basic" } }),
      rule("pro", { when: { attribute: "plan", equals: "pro" } }),
      rule("all"),
    ];
    expect(resolve({ rules }).origin).toBe("rule:pro@1");
    expect(resolve({ rules: rules.slice(0, 2) }).origin).toBe("default");
  });

  it("add their stages where they are not final, each at-once stage only once", () => {
    const rules = [
      rule("a", { final: false, route: via("in_app", "push"), version: 2 }),
      rule("b", { final: false, when: { attribute: "plan", equals: "basic" } }),
      rule("c", { route: via("push", "email") }),
      rule("d", { route: via("push_or_email") }),
    ];
    expect(resolve({ rules })).toEqual({
      origin: "rule:a@2+c@1",
      rules: ["a", "c"],
      route: via("in_app", "push", "email"),
      leftOut: 0,
    });
  });

  it("leave out stages beyond the fourth, and no rule is tried once there are four", () => {
    const rules = [
      rule("a", { final: false, route: via("in_app", "push", "email") }),
      rule("b", { final: false, route: via("push_or_email", "email_or_push") }),
      rule("c", { final: false, priority: "critical" }),
    ];
    expect(resolve({ rules })).toEqual({
      origin: "rule:a@1+b@1",
      rules: ["a", "b"],
      route: via("in_app", "push", "email", "push_or_email"),
      leftOut: 1,
    });
  });

  it("set priority and templates; of several rules the first counts, and unusable templates do not", () => {
    const rules = [
      rule("a", { final: false, templates: { push: "short", sms: "gone" } }),
      rule("b", { final: false, templates: { push: "long", email: "long" }, priority: "low" }),
      rule("c", { priority: "critical", route: via("push_or_email") }),
    ];
    expect(resolve({ rules })).toMatchObject({
      route: { templates: { push: "version of short", email: "version of long" } },
      priority: "low",
    });
  });
});

describe("a plan", () => {
  it("has the same route for all recipients where no rule depends on them", () => {
    const rules = [
      rule("type", { when: { field: "type", startsWith: "task." }, final: false }),
      rule("not-a-campaign", {
        when: { not: { field: "source", equals: "campaign" } },
        route: via("push_or_email"),
      }),
      rule("pro", { when: { attribute: "plan", equals: "pro" } }),
    ];
    expect(commonRoute(planRoutes(sources({ rules })))).toMatchObject({
      origin: "rule:type@1+not-a-campaign@1",
    });
    expect(commonRoute(planRoutes(sources({ rules: rules.toReversed() })))).toBeNull();
    expect(commonRoute(planRoutes(sources()))).toMatchObject({ origin: "default" });
  });
});

describe("the number of outcomes", () => {
  const rules = (count: number, final: boolean, route = via("push")) =>
    Array.from({ length: count }, (_, n) => rule(`r${n}`, { final, route }));
  // Routes of one stage that differ, so that each rule adds its own.
  const adding = (count: number) =>
    rules(count, false).map((one, n) => ({
      ...one,
      route: {
        stages: [{ via: ["in_app" as const], after: { minutes: n + 1, unless: "read" as const } }],
      },
    }));

  it("grows by one with a final rule, and doubles with another that fits into the route", () => {
    expect(countOutcomes([], 1_000)).toBe(1);
    expect(countOutcomes(rules(50, true), 1_000)).toBe(51);
    expect(countOutcomes(adding(4), 1_000)).toBe(16);
    // All sets of at most three rules, and those of four that are not longer.
    expect(countOutcomes(adding(5), 1_000)).toBe(1 + 5 + 10 + 10 + 5);
  });

  it("is counted up to a bound, however large it is", () => {
    expect(countOutcomes(adding(50), 257)).toBe(257);
  });
});

import { queryOptions } from "@tanstack/react-query";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";

/** Whether there is any recipient, template, type, sent delivery and campaign yet. */
export const firstStepsQuery = queryOptions({
  queryKey: ["first-steps"],
  queryFn: async ({ signal }) => {
    const one = { query: { limit: "1" } };
    const options = { init: { signal } };
    const [recipients, templates, types, sent, campaigns] = await Promise.all([
      answerOf(api.v1.recipients.$get(one, options)),
      answerOf(api.v1.templates.$get(one, options)),
      answerOf(api.v1["notification-types"].$get(one, options)),
      answerOf(
        api.v1.deliveries.$get({ query: { limit: "1", status: "sent,delivered" } }, options),
      ),
      answerOf(api.v1.campaigns.$get(one, options)),
    ]);
    const has = ({ items }: { items: readonly unknown[] }) => items.length > 0;
    return {
      recipients: has(recipients),
      templates: has(templates),
      types: has(types),
      sent: has(sent),
      campaigns: has(campaigns),
    };
  },
  staleTime: 30_000,
});

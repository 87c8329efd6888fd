import { queryOptions } from "@tanstack/react-query";
import { api } from "../api/client.ts";
import { answerOf } from "../api/problem.ts";
import { joinBuckets, type OutcomeSpan, planBars } from "./outcomes.ts";

const refreshMs = 15_000;

/** Counts what ended, by status. It is read again from time to time, as long as the end of the time is now. */
export const outcomesQuery = (
  filters: { campaign?: string; provider?: string },
  span: OutcomeSpan,
) =>
  queryOptions({
    queryKey: ["outcomes", filters, span],
    queryFn: async ({ signal }) => {
      const { from, until, step } = planBars(span, Date.now());
      const stats = await answerOf(
        api.v1.stats.deliveries.$get(
          {
            query: {
              ...filters,
              by: "status",
              bucket: step.bucket,
              from: new Date(from).toISOString(),
              // The API rounds the end up to a bucket; what ended at this very instant counts too.
              until: new Date(until + 1).toISOString(),
            },
          },
          { init: { signal } },
        ),
      );
      return joinBuckets(stats, step);
    },
    staleTime: 10_000,
    refetchInterval: "lastMs" in span || span.until === null ? refreshMs : false,
  });

import { z } from "@hono/zod-openapi";
import {
  acceptedOf,
  addCounts,
  type AnalyticsCounts,
  arrivedOf,
  handedOverOf,
  noCounts,
  type Rate,
  rateNames,
  type RateName,
  rates,
  ratesOf,
} from "../../domain/analytics.ts";

const count = (description: string, example: number) =>
  z.number().int().openapi({ description, example });

/** The numbers of a report, as it shows them. */
export const countsAnswer = z
  .object({
    accepted: count("All deliveries that ended in the time, however they ended", 1_020),
    handedOver: count("Deliveries that a provider accepted, also those that bounced later", 1_000),
    arrived: count("Deliveries that a provider accepted and that have not bounced", 990),
    sent: count("Deliveries with the status `sent`", 790),
    delivered: count("Deliveries with the status `delivered`", 200),
    failed: count("Deliveries that failed, also those that bounced", 15),
    suppressed: count("Deliveries that were not sent, by a rule", 12),
    cancelled: count("Deliveries that were cancelled", 3),
    unknown: count("Deliveries whose outcome is unknown", 0),
    confirmed: count("Deliveries whose arrival a receipt confirmed", 200),
    read: count("Deliveries that the recipient read, on any channel", 420),
    acted: count("Deliveries on which the recipient acted", 40),
    opened: count("Deliveries that a person opened; each counts once", 400),
    openedByMachine: count("Deliveries that a mail filter or another program opened", 150),
    clicked: count("Deliveries in which a person followed a link; each counts once", 90),
    clickedByMachine: count("Deliveries in which a program followed a link", 20),
    unsubscribed: count("Deliveries from which the recipient unsubscribed", 2),
    bounced: count("Deliveries that bounced after a provider had accepted them", 10),
    complained: count("Deliveries that the recipient reported as spam", 1),
    opens: count("Every time that a person opened a message", 610),
    clicks: count("Every time that a person followed a link", 120),
  })
  .openapi("AnalyticsCounts");

export const countsJson = (counts: AnalyticsCounts): z.output<typeof countsAnswer> => ({
  accepted: acceptedOf(counts),
  handedOver: handedOverOf(counts),
  arrived: arrivedOf(counts),
  ...counts,
});

export const rateAnswer = z
  .object({
    value: z.number().nullable().openapi({
      description: "The share, from 0 to 1; null if the denominator is 0",
      example: 0.4,
    }),
    low: z.number().nullable().openapi({
      description: "The lower end of the 95 % interval (Wilson)",
      example: 0.37,
    }),
    high: z.number().nullable().openapi({ description: "The upper end", example: 0.43 }),
    numerator: z.number().int().openapi({ example: 400 }),
    denominator: z.number().int().openapi({ example: 1_000 }),
  })
  .openapi("AnalyticsRate");

const ofRates = <Value extends z.ZodType>(value: Value) =>
  z.object(Object.fromEntries(rateNames.map((name) => [name, value])) as Record<RateName, Value>);

const ratesAnswer = ofRates(rateAnswer).openapi("AnalyticsRates");

/** Numbers with their rates. */
export const figuresAnswer = z
  .object({ counts: countsAnswer, rates: ratesAnswer })
  .openapi("AnalyticsFigures");

export const figuresJson = (
  counts: AnalyticsCounts,
): { counts: z.output<typeof countsAnswer>; rates: Record<RateName, Rate> } => ({
  counts: countsJson(counts),
  rates: ratesOf(counts),
});

/** What each rate is a share of. */
export const definitionsAnswer = ofRates(
  z.object({
    denominator: z.string().openapi({ example: rates.openRate.denominator.words }),
    numerator: z.string().openapi({ example: rates.openRate.numerator.words }),
  }),
).openapi("AnalyticsDefinitions", { description: "What each rate is a share of, in words" });

export const definitions = Object.fromEntries(
  rateNames.map((name) => [
    name,
    {
      denominator: rates[name].denominator.words,
      numerator: rates[name].numerator.words,
    },
  ]),
) as z.output<typeof definitionsAnswer>;

/** The time of a report, and that of the period before, which is as many intervals long. */
export const periodAnswer = {
  from: z.iso.datetime(),
  to: z.iso.datetime(),
  previousFrom: z.iso.datetime().openapi({
    description: "The beginning of the period before, which ends at `from`",
  }),
};

/** Sums the numbers of rows. */
export function sumOf(rows: readonly { counts: AnalyticsCounts }[]): AnalyticsCounts {
  const total = noCounts();
  for (const { counts } of rows) addCounts(total, counts);
  return total;
}

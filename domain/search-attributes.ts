/** The Temporal search attributes of our workflows, each a keyword. Names never change once landed. */
export const searchAttributeNames = {
  campaign: "TidingsCampaign",
  queue: "TidingsQueue",
} as const;

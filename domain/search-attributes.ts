/** The Temporal search attributes of the workflows, all of type keyword. Names never change once released. */
export const searchAttributeNames = {
  campaign: "TidingsCampaign",
  queue: "TidingsQueue",
} as const;

/** What is done with a message whose outcome is not known. */
export const guarantees = ["at_least_once", "at_most_once"] as const;
export type Guarantee = (typeof guarantees)[number];

export const guaranteeWords: Record<Guarantee, { name: string; meaning: string }> = {
  at_least_once: {
    name: "At least once",
    meaning:
      "A message whose outcome is not known is sent again: everybody gets it, and a few may get it twice.",
  },
  at_most_once: {
    name: "At most once",
    meaning:
      "A message whose outcome is not known is not sent again: nobody gets it twice, and a few may not get it.",
  },
};

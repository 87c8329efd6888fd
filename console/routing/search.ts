const ruleTabs = ["json", "versions"] as const;

/** What the address of a rule says: which part of it is shown; the form if it says nothing. */
export interface RuleSearch {
  tab?: (typeof ruleTabs)[number] | undefined;
}

/** Reads the search of an address. Whatever is not valid becomes undefined. */
export const readRuleSearch = (raw: Record<string, unknown>): RuleSearch => ({
  tab: ruleTabs.find((tab) => tab === raw["tab"]),
});

/** The operators of conditions on a value, in words: “plan is one of pro, trial”. */
export const operatorWords: Record<string, string> = {
  equals: "is",
  in: "is one of",
  includes: "includes",
  exists: "exists",
  greaterThan: "is more than",
  atLeast: "is at least",
  lessThan: "is less than",
  atMost: "is at most",
  startsWith: "starts with",
  endsWith: "ends with",
  contains: "contains",
  from: "is at or after",
  before: "is before",
};

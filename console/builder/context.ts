import { createContext, useContext } from "react";
import type { Builder } from "./use-builder.ts";
import type { SampledRecipient } from "./queries.ts";

export interface BuilderParts extends Builder {
  /** What is wrong with the field that a JSON pointer names; undefined if nothing is. */
  faultOf: (pointer: string) => string | undefined;
  /** Recipients of the audience, drawn at random. */
  sample: readonly SampledRecipient[];
}

export const BuilderContext = createContext<BuilderParts | null>(null);

/** The campaign that is being built. It exists in every section of the builder. */
export function useParts(): BuilderParts {
  const parts = useContext(BuilderContext);
  if (!parts) throw new Error("The builder is used outside of its screen.");
  return parts;
}

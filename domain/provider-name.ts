import { z } from "zod";

/** The name of a provider in the configuration, in attempts, in metrics and in paths. */
export const providerName = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,39}$/);

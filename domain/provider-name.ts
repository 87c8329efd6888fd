import { z } from "zod";

/** The name of a provider in the configuration, in attempts, in metrics and in paths. */
export const providerName = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,39}$/);

/** The name by which callers refer to any provider: one of the configuration, or a push service such as `push/fcm`. */
export const providerReference = z.string().regex(/^(push\/)?[a-z0-9][a-z0-9_-]{0,39}$/);

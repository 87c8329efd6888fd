import { z } from "zod";

/** The name of a provider in the configuration, in attempts, in metrics and in paths. */
export const providerName = z
  .string("must be set")
  .regex(
    /^[a-z0-9][a-z0-9_-]{0,39}$/,
    "must have at most 40 of the characters a-z, 0-9, _ and -, and begin with a letter or a digit",
  );

/** The name by which callers refer to any provider: one of the configuration, or a push service such as `push/fcm`. */
export const providerReference = z.string().regex(/^(push\/)?[a-z0-9][a-z0-9_-]{0,39}$/);

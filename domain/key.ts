import { z } from "zod";

/** The key by which callers name a template or a segment; it is part of a URL. */
export const resourceKey = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._-]{0,99}$/,
    "must be 1 to 100 of a-z, 0-9, dot, underscore and hyphen, and start with a letter or digit",
  );

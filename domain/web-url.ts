import { z } from "zod";

/** The schema of an http or https URL without credentials: `fetch` refuses them, and a link would show them. */
export const webUrl = z
  .url({ protocol: /^https?$/, error: "must be http:// or https:// and a host", abort: true })
  .refine((url) => {
    const { username, password } = new URL(url);
    return username === "" && password === "";
  }, "must not contain a user or a password");

import { z } from "zod";

/** An address on the web, without credentials, which `fetch` refuses and which a link would show. */
export const webUrl = z
  .url({ protocol: /^https?$/, error: "must be http:// or https:// and a host", abort: true })
  .refine((url) => {
    const { username, password } = new URL(url);
    return username === "" && password === "";
  }, "must be without a user and a password");

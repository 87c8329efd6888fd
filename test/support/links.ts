import { createActionLinks } from "../../domain/action-links.ts";

/** Secret that signs the links of test workers. */
export const linkSecret = "a secret of at least thirty-two characters";

export const testLinks = createActionLinks({
  secrets: [linkSecret],
  publicUrl: "https://example.org",
});

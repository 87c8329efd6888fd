import { createActionLinks } from "../../domain/action-links.ts";

/** What the links of test workers are signed with. */
export const linkSecret = "a secret of at least thirty-two characters";

export const testLinks = createActionLinks({
  secrets: [linkSecret],
  publicUrl: "https://example.org",
});

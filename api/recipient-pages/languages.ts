/** The languages of recipients' pages. */
export const pageLanguages = ["en", "de", "fr", "es"] as const;

/** The language of the pages for a locale such as `de-AT`; English where there are none in its own. */
export function languageOf(locale: string | null): (typeof pageLanguages)[number] {
  const language = locale?.toLowerCase().split("-")[0];
  return pageLanguages.find((one) => one === language) ?? "en";
}

/** The language of the pages for a browser that prefers these languages, as its Accept-Language says. */
export function languageOfBrowser(accepted: string | undefined): (typeof pageLanguages)[number] {
  const tags = (accepted ?? "")
    .slice(0, 200)
    .split(",")
    .map((part) => part.split(";")[0]!.trim());
  const known = tags.find((tag) => languageOf(tag) === tag.toLowerCase().split("-")[0]);
  return languageOf(known ?? null);
}

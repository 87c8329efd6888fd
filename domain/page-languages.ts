/** The languages of recipients' pages, and of what Tidings itself writes to recipients. */
export const pageLanguages = ["en", "de", "fr", "es"] as const;
export type PageLanguage = (typeof pageLanguages)[number];

/** The language of the pages for a locale such as `de-AT`; English where there are none in its own. */
export function languageOf(locale: string | null): PageLanguage {
  const language = locale?.toLowerCase().split("-")[0];
  return pageLanguages.find((one) => one === language) ?? "en";
}

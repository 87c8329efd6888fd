import { languageOf } from "../../../domain/page-languages.ts";
import { de } from "./de.ts";
import { en } from "./en.ts";
import { es } from "./es.ts";
import { fr } from "./fr.ts";

/** The texts of the preference centre in one language. A name in braces is filled in. */
export type CentreWords = Record<keyof typeof en, string>;

const languages: Record<string, CentreWords> = { en, de, fr, es };

/** The texts in the language of a locale such as `de-AT`; English where there are none in that language. */
export const centreWords = (locale: string): CentreWords => languages[languageOf(locale)] ?? en;

/** Fills in the names in braces. */
export const fill = (text: string, values: Record<string, string | number>): string =>
  text.replaceAll(/\{(\w+)\}/g, (braced, name: string) => String(values[name] ?? braced));

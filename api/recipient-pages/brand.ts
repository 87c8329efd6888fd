import type { Picture } from "../../config/page-style.ts";

/** How recipients' pages show whose they are. */
export interface Brand {
  /** The name of the organisation. */
  name: string;
  /** The colour of the header and of buttons, on which white text can be read: `#rrggbb`. */
  color: string;
  logo: Picture | null;
  /** Who is responsible for the messages, in lines; null if nothing is configured. */
  imprint: string | null;
  /** The address of a page with more about that. */
  imprintUrl: string | null;
}

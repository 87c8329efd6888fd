import type { Addresses } from "./channel.ts";

/** The value of the template variable `recipient`. */
export interface RecipientView extends Addresses {
  id: string;
  externalId: string | null;
  timeZone: string;
  locale: string;
  attributes: Record<string, unknown>;
}

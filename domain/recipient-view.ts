import type { Addresses } from "./channel.ts";

/** The recipient as templates see it, under `recipient`. */
export interface RecipientView extends Addresses {
  id: string;
  externalId: string | null;
  timeZone: string;
  locale: string;
  attributes: Record<string, unknown>;
}

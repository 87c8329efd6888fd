/** The recipient as templates see it, under `recipient`. */
export interface RecipientView {
  id: string;
  externalId: string | null;
  email: string | null;
  phone: string | null;
  timeZone: string;
  locale: string;
  attributes: Record<string, unknown>;
}

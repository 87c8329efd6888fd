import { z } from "zod";

/** One body per channel. */
export const templateContent = z.object({
  email: z.object({
    subject: z.string(),
    html: z.string(),
    text: z.string().optional(),
  }),
});

export type TemplateContent = z.infer<typeof templateContent>;

import { z } from "@hono/zod-openapi";
import { templateVersionNumber } from "../../domain/notification.ts";

/** The metadata of a version of a resource, which every version has besides its contents. */
export const versionMetadata = z
  .object({
    version: z.number().int().openapi({ example: 2 }),
    createdBy: z.string().openapi({
      description: "The author of the version: `bootstrap`, `recipient`, or the id of an API key",
      example: "bootstrap",
    }),
    createdAt: z.iso.datetime(),
  })
  .openapi("VersionFacts");

export interface VersionMetadata {
  version: number;
  createdBy: string;
  createdAt: Date;
}

export const versionMetadataJson = ({ version, createdBy, createdAt }: VersionMetadata) => ({
  version,
  createdBy,
  createdAt: createdAt.toISOString(),
});

/** The number of a version in a path. */
export const versionInPath = z
  .string()
  .regex(/^[1-9]\d{0,9}$/, "must be the number of a version")
  .transform(Number)
  .pipe(templateVersionNumber)
  .openapi({
    type: "integer",
    minimum: 1,
    maximum: 2_147_483_647,
    description: "The number of the version",
    example: 2,
  });

import type { TemplateReference } from "../domain/notification.ts";
import {
  type CheckData,
  compileVariables,
  type TemplateVariables,
} from "../domain/template-variables.ts";
import type { PrismaClient } from "../prisma/generated/client.ts";
import { type FieldError, invalid, jsonPointer } from "./problem.ts";

export interface PinnedVersion {
  id: string;
  checkData: CheckData;
}

/** How many versions are remembered, the most recently used. */
const keptVersions = 500;

/** Finds template versions, and checks data against them. One an API process. */
export function createTemplateVersions(prisma: Pick<PrismaClient, "template" | "templateVersion">) {
  // Versions are immutable; which one is active is not.
  const kept = new Map<string, PinnedVersion>();
  const name = ({ key, version }: TemplateReference) => `${key}@${version ?? "active"}`;

  function keep(reference: TemplateReference, version: PinnedVersion): void {
    kept.delete(name(reference));
    kept.set(name(reference), version);
    if (kept.size > keptVersions) kept.delete(kept.keys().next().value!);
  }

  /** The version meant, the active one where none is named; null if there is none, or the template is archived. */
  async function find(reference: TemplateReference): Promise<PinnedVersion | null> {
    const { key, version } = reference;
    const template = await prisma.template.findUnique({
      where: { key, archivedAt: null },
      select: { id: true, activeVersion: true },
    });
    const row =
      template &&
      (await prisma.templateVersion.findUnique({
        where: {
          templateId_version: {
            templateId: template.id,
            version: version ?? template.activeVersion,
          },
        },
        select: { id: true, variables: true },
      }));
    if (!row) return null;
    const found = { id: row.id, checkData: compileVariables(row.variables as TemplateVariables) };
    keep(reference, found);
    return found;
  }

  return {
    find,
    /** As `find`, but where no version is named it may be one that was active until just now. */
    async recall(reference: TemplateReference): Promise<PinnedVersion | null> {
      const known = kept.get(name(reference));
      if (!known) return find(reference);
      keep(reference, known);
      return known;
    },
  };
}

export type TemplateVersions = ReturnType<typeof createTemplateVersions>;

/** For a body whose `template` names a version that does not exist. */
export function unknownTemplate({ version }: TemplateReference): FieldError {
  return version === undefined
    ? {
        in: "body",
        field: "/template/key",
        message: "names no template: create it first with POST /v1/templates",
      }
    : { in: "body", field: "/template", message: "names no version of a template" };
}

/** What a body's `data` lacks of what the version asks for. */
export function dataErrors(version: PinnedVersion, data: Record<string, unknown>): FieldError[] {
  return version
    .checkData(data)
    .map(({ path, message }) => ({ in: "body", field: jsonPointer(["data", ...path]), message }));
}

/** The version that a body's `template` and `data` fit; throws the problem otherwise. */
export async function pinVersion(
  versions: TemplateVersions,
  { template, data }: { template: TemplateReference; data: Record<string, unknown> },
): Promise<PinnedVersion> {
  const version = await versions.find(template);
  if (!version) throw invalid([unknownTemplate(template)]);
  const errors = dataErrors(version, data);
  if (errors.length > 0) throw invalid(errors);
  return version;
}

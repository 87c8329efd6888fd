import type { TemplateReference } from "../../domain/notification.ts";
import {
  type CheckData,
  compileVariables,
  type TemplateVariables,
} from "../../domain/templates/template-variables.ts";
import type { Fault } from "../../domain/templates/template.ts";
import { defineStatement, type Execute, executeIn } from "../../ledger/sql.ts";
import type { Prisma } from "../../prisma/generated/client.ts";
import { type FieldError, invalid, jsonPointer } from "../http/problem.ts";
import { archivedTemplate, unknownTemplate } from "./store.ts";

export interface PinnedVersion {
  kind: "pinned";
  id: string;
  version: number;
  checkData: CheckData;
}

/** What a body's `template` names: a version that may be used, or why it may not. */
export type NamedVersion = PinnedVersion | { kind: "unusable"; error: FieldError };

/** How many versions are cached: the most recently used. */
const keptVersions = 500;

const findStatement = defineStatement<
  { key: string; version: number | null },
  {
    archivedAt: Date | null;
    id: string | null;
    version: number;
    variables: TemplateVariables;
  }
>(
  `SELECT t.archived_at AS "archivedAt", v.id, v.version, v.variables
   FROM templates t LEFT JOIN template_versions v ON v.template_id = t.id AND v.version = coalesce(:version::int, t.active_version)
   WHERE t.key = :key::text`,
);

/**
 * Finds template versions, and checks data against them. One an API process. Work within a transaction finds them by that, for it must not
 * wait for a second connection.
 */
export function createTemplateVersions(execute: Execute) {
  // Versions are immutable; which one is active is not.
  const kept = new Map<string, PinnedVersion>();
  const name = ({ key, version }: TemplateReference) => `${key}@${version ?? "active"}`;

  function keep(reference: TemplateReference, version: PinnedVersion): void {
    kept.delete(name(reference));
    kept.set(name(reference), version);
    if (kept.size > keptVersions) kept.delete(kept.keys().next().value!);
  }

  /** The version meant, the active one where none is named. */
  async function find(reference: TemplateReference, by: Execute = execute): Promise<NamedVersion> {
    const { key, version } = reference;
    const [row] = await by(findStatement, { key, version: version ?? null });
    if (!row) return unusable("/key", unknownTemplate);
    if (row.archivedAt) return unusable("/key", archivedTemplate(key));
    if (row.id === null) return unusable("", "names no version of a template");
    const found: PinnedVersion = {
      kind: "pinned",
      id: row.id,
      version: row.version,
      checkData: compileVariables(row.variables),
    };
    keep(reference, found);
    return found;
  }

  return {
    find,
    /** As `find`, but it may be one that could be used, or was active, until just now. */
    async remembered(reference: TemplateReference): Promise<NamedVersion> {
      const known = kept.get(name(reference));
      if (!known) return find(reference);
      keep(reference, known);
      return known;
    },
  };
}

export type TemplateVersions = ReturnType<typeof createTemplateVersions>;

function unusable(field: string, message: string): NamedVersion {
  return { kind: "unusable", error: { in: "body", field: `/template${field}`, message } };
}

/** Lists what is wrong with the `data` of a body for a template version. */
export function dataErrors(checkData: CheckData, data: Record<string, unknown>): FieldError[] {
  return fieldErrors(checkData(data));
}

/** As errors of a body what is wrong with its `data`. */
export const fieldErrors = (faults: readonly Fault[]): FieldError[] =>
  faults.map(({ path, message }) => ({
    in: "body",
    field: jsonPointer(["data", ...path]),
    message,
  }));

/** The version that a body's `template` and `data` fit, as the transaction sees it; throws the problem otherwise. */
export async function pinVersion(
  versions: TemplateVersions,
  client: Prisma.TransactionClient,
  { template, data }: { template: TemplateReference; data: Record<string, unknown> },
): Promise<PinnedVersion> {
  const version = await versions.find(template, executeIn(client));
  if (version.kind === "unusable") throw invalid([version.error]);
  const errors = dataErrors(version.checkData, data);
  if (errors.length > 0) throw invalid(errors);
  return version;
}

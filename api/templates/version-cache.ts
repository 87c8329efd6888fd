import type { TemplateReference } from "../../domain/notification.ts";
import {
  type CheckData,
  compileVariables,
  type TemplateVariables,
} from "../../domain/templates/template-variables.ts";
import type { Fault } from "../../domain/templates/template-error.ts";
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

/** The version that the `template` of a body names, or the reason why it cannot be used. */
export type NamedVersion = PinnedVersion | { kind: "unusable"; error: FieldError };

/** The number of versions in the cache. The least recently used are removed. */
const cachedVersions = 500;

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
 * Finds template versions and their data checks. An API process has one cache. Within a transaction, pass the transaction's `Execute`, because
 * a transaction must not wait for a second connection.
 */
export function createTemplateVersions(execute: Execute) {
  // Versions are immutable; which one is active is not.
  const cached = new Map<string, PinnedVersion>();
  const name = ({ key, version }: TemplateReference) => `${key}@${version ?? "active"}`;

  function keep(reference: TemplateReference, version: PinnedVersion): void {
    cached.delete(name(reference));
    cached.set(name(reference), version);
    if (cached.size > cachedVersions) cached.delete(cached.keys().next().value!);
  }

  /** Finds the version that a reference names, by default the active one. */
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
    /** Finds a version in the cache first: the answer may be out of date if the template has just changed. */
    async findCached(reference: TemplateReference): Promise<NamedVersion> {
      const found = cached.get(name(reference));
      if (!found) return find(reference);
      keep(reference, found);
      return found;
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

/** Converts faults of the `data` of a body to errors. */
export const fieldErrors = (faults: readonly Fault[]): FieldError[] =>
  faults.map(({ path, message }) => ({
    in: "body",
    field: jsonPointer(["data", ...path]),
    message,
  }));

/** Finds the version that a body names, within the transaction, and checks the `data`; throws the problem of either. */
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

import type { TopicDefinition } from "../domain/topics.ts";
import { defineStatement, type Execute } from "./sql.ts";

/** A topic as public routes and messages need it. */
export interface KnownTopic extends Omit<TopicDefinition, "description"> {
  /** The UUID. */
  id: string;
  key: string;
  isArchived: boolean;
}

const statementBy = (column: "id" | "key", type: "uuid" | "text") =>
  defineStatement<{ values: readonly string[] }, KnownTopic>(
    `SELECT id, key, name, public_names AS "publicNames", opt_in AS "optIn", is_public AS "isPublic", confirmation_template AS "confirmationTemplate",
       archived_at IS NOT NULL AS "isArchived"
     FROM topics WHERE ${column} = ANY(:values::${type}[]) ORDER BY array_position(:values::${type}[], ${column})`,
  );
const byId = statementBy("id", "uuid");
const byKey = statementBy("key", "text");

/** Reads topics in the order in which they are named. Those that do not exist are left out. */
export const readTopicsById = (execute: Execute, ids: readonly string[]) =>
  execute(byId, { values: ids });
export const readTopicsByKey = (execute: Execute, keys: readonly string[]) =>
  execute(byKey, { values: keys });

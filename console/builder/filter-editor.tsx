import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Button, IconButton } from "../parts/button.tsx";
import {
  type ConditionNode,
  type FilterNode,
  type Join,
  joins,
  newCondition,
  parseFilter,
  subjects,
  writeFilter,
} from "./filter-node.ts";
import { JsonField } from "../parts/json-field.tsx";
import { openTopicsQuery } from "../topics/queries.ts";
import { operatorWords } from "../words/operators.ts";
import styles from "./filter-editor.module.css";

const joinWords: Record<Join, string> = {
  all: "All of these hold",
  any: "Any of these holds",
  none: "None of these holds",
};

/** The values of the conditions that have only some: the channels on which a recipient may have an address, and how long ago they engaged. */
const namedValues: Record<string, readonly string[]> = {
  reachableBy: ["email", "push", "sms", "webhook"],
  engagement: ["active", "cooling", "dormant", "never"],
};

/** How deep groups may be nested: the API allows eight levels, with the conditions. */
const maxDepth = 6;

interface FilterEditorProps {
  filter: FilterNode | null;
  onChange: (filter: FilterNode | null) => void;
}

/** Conditions on recipients, as a tree or as JSON. */
export function FilterEditor({ filter, onChange }: FilterEditorProps) {
  const [isJson, setJson] = useState(false);
  const root =
    filter === null || filter.kind === "group"
      ? filter
      : ({ kind: "group", join: "all", parts: [filter] } as const);
  return (
    <div className={styles.editor}>
      {isJson ? (
        <JsonField
          label="Conditions (JSON)"
          value={(filter && writeFilter(filter)) ?? undefined}
          onChange={(value) => onChange(value === undefined ? null : parseFilter(value))}
        />
      ) : (
        root && (
          <Group
            group={root as Extract<FilterNode, { kind: "group" }>}
            depth={1}
            onChange={(group) =>
              onChange(group.kind === "group" && group.parts.length === 0 ? null : group)
            }
          />
        )
      )}
      <div className={styles.actions}>
        {root === null && !isJson && (
          <Button onClick={() => onChange({ kind: "group", join: "all", parts: [newCondition] })}>
            Add conditions
          </Button>
        )}
        <Button kind="quiet" aria-pressed={isJson} onClick={() => setJson(!isJson)}>
          {isJson ? "Edit as a form" : "Edit as JSON"}
        </Button>
      </div>
    </div>
  );
}

interface GroupProps {
  group: Extract<FilterNode, { kind: "group" }>;
  depth: number;
  onChange: (group: FilterNode) => void;
  onRemove?: () => void;
}

function Group({ group, depth, onChange, onRemove }: GroupProps) {
  const { join, parts } = group;
  const setPart = (index: number, part: FilterNode | null) =>
    onChange({
      ...group,
      parts: part === null ? parts.toSpliced(index, 1) : parts.toSpliced(index, 1, part),
    });
  return (
    <div className={styles.group} role="group" aria-label={joinWords[join]}>
      <div className={styles.row}>
        <select
          aria-label="How the conditions combine"
          value={join}
          onChange={({ target }) => onChange({ ...group, join: target.value as Join })}
        >
          {joins.map((each) => (
            <option key={each} value={each}>
              {joinWords[each]}
            </option>
          ))}
        </select>
        {onRemove && <IconButton icon="close" label="Remove this group" onClick={onRemove} />}
      </div>
      {parts.map((part, index) =>
        part.kind === "group" ? (
          <Group
            // The parts have no identity but their place.
            // oxlint-disable-next-line react/no-array-index-key
            key={index}
            group={part}
            depth={depth + 1}
            onChange={(changed) => setPart(index, changed)}
            onRemove={() => setPart(index, null)}
          />
        ) : (
          <Condition
            // oxlint-disable-next-line react/no-array-index-key
            key={index}
            condition={part}
            onChange={(changed) => setPart(index, changed)}
            onRemove={() => setPart(index, null)}
          />
        ),
      )}
      <div className={styles.actions}>
        <Button
          kind="quiet"
          onClick={() => onChange({ ...group, parts: [...parts, newCondition] })}
        >
          Add a condition
        </Button>
        {depth < maxDepth && (
          <Button
            kind="quiet"
            onClick={() =>
              onChange({
                ...group,
                parts: [...parts, { kind: "group", join: "any", parts: [newCondition] }],
              })
            }
          >
            Add a group
          </Button>
        )}
      </div>
    </div>
  );
}

interface ConditionProps {
  condition: ConditionNode;
  onChange: (condition: ConditionNode) => void;
  onRemove: () => void;
}

function Condition({ condition, onChange, onRemove }: ConditionProps) {
  const { subject, key, operator, value } = condition;
  const { operators } = subjects[subject] ?? { operators: [] };
  return (
    <div className={styles.row} role="group" aria-label="Condition">
      <select
        aria-label="What the condition is about"
        value={subject}
        onChange={({ target }) => {
          const wanted = subjects[target.value]!.operators;
          onChange({
            ...condition,
            subject: target.value,
            operator: wanted.includes(operator) ? operator : wanted[0]!,
          });
        }}
      >
        {Object.entries(subjects).map(([name, each]) => (
          <option key={name} value={name}>
            {each.name}
          </option>
        ))}
      </select>
      {subject === "attribute" && (
        <input
          aria-label="Attribute"
          placeholder="plan"
          autoComplete="off"
          value={key}
          onChange={({ target }) => onChange({ ...condition, key: target.value })}
        />
      )}
      <select
        aria-label="Comparison"
        value={operator}
        onChange={({ target }) => onChange({ ...condition, operator: target.value })}
      >
        {operators.map((each) => (
          <option key={each} value={each}>
            {operatorWords[each] ?? each}
          </option>
        ))}
      </select>
      <ConditionValue
        condition={condition}
        onChange={(typed) => onChange({ ...condition, value: typed })}
      />
      <IconButton icon="close" label="Remove this condition" onClick={onRemove} />
      {value === "" && operator !== "exists" && (
        <span className="muted">Not complete: it is left out.</span>
      )}
    </div>
  );
}

function ConditionValue({
  condition: { subject, operator, value },
  onChange,
}: {
  condition: ConditionNode;
  onChange: (value: string) => void;
}) {
  const topics = useQuery({ ...openTopicsQuery, enabled: subject === "topic" });
  if (subject === "topic" && topics.data)
    return (
      <select aria-label="Value" value={value} onChange={({ target }) => onChange(target.value)}>
        <option value="">Choose…</option>
        {[...new Set([...topics.data.map(({ key }) => key), ...(value ? [value] : [])])].map(
          (key) => (
            <option key={key} value={key}>
              {topics.data.find((each) => each.key === key)?.name ?? key}
            </option>
          ),
        )}
      </select>
    );
  const choices = operator === "exists" ? ["true", "false"] : (namedValues[subject] ?? null);
  if (choices)
    return (
      <select aria-label="Value" value={value} onChange={({ target }) => onChange(target.value)}>
        {operator !== "exists" && <option value="">Choose…</option>}
        {choices.map((choice) => (
          <option key={choice} value={choice}>
            {operator === "exists" ? (choice === "true" ? "yes" : "no") : choice}
          </option>
        ))}
      </select>
    );
  const isDay = operator === "from" || operator === "before";
  return (
    <input
      aria-label="Value"
      placeholder={
        operator === "in" ? "a, b, c" : isDay ? "2027-03-01" : subject === "attribute" ? "pro" : ""
      }
      title={
        subject === "attribute"
          ? 'Numbers, true, false and null are such values. Write "20" for the text 20.'
          : undefined
      }
      autoComplete="off"
      value={value}
      onChange={({ target }) => onChange(target.value)}
    />
  );
}

import { type Priority, priorities } from "../../domain/priority.ts";
import { Check, Field, Fields } from "../parts/form.tsx";
import { channelWords, priorityWords } from "../words/statuses.ts";
import { ConditionsEditor } from "./conditions-editor.tsx";
import type { Draft } from "./draft.ts";
import { faultAt } from "./faults.ts";
import { StagesEditor } from "./stages-editor.tsx";

interface RuleFieldsProps {
  draft: Draft;
  onChange: (draft: Draft) => void;
  /** The problem of the last request, whose faults are shown at their fields. */
  error: unknown;
}

const templateChannels = ["email", "push", "in_app"] as const;

/** The fields of a rule. The API checks what they contain. */
export function RuleFields({ draft, onChange, error }: RuleFieldsProps) {
  const change = (changed: Partial<Draft>) => onChange({ ...draft, ...changed });
  return (
    <Fields>
      <Field label="Name" error={faultAt(error, "/name")}>
        {(control) => (
          <input
            {...control}
            autoComplete="off"
            value={draft.name}
            onChange={({ target }) => change({ name: target.value })}
          />
        )}
      </Field>
      <ConditionsEditor
        filter={draft.when}
        fault={faultAt(error, "/when")}
        onChange={(when) => change({ when })}
      />
      <StagesEditor
        stages={draft.route.stages}
        fault={faultAt(error, "/route")}
        onChange={(stages) => change({ route: { stages } })}
      />
      <Check checked={!draft.final} onChange={({ target }) => change({ final: !target.checked })}>
        Later rules that hold add their stages
        <span className="muted"> – otherwise no later rule is tried</span>
      </Check>
      <Field label="Priority" error={faultAt(error, "/priority")}>
        {(control) => (
          <select
            {...control}
            value={draft.priority ?? ""}
            onChange={({ target }) =>
              change({ priority: target.value === "" ? null : (target.value as Priority) })
            }
          >
            <option value="">The priority of the message</option>
            {priorities.map((priority) => (
              <option key={priority} value={priority}>
                {priorityWords[priority]}
              </option>
            ))}
          </select>
        )}
      </Field>
      {templateChannels.map((channel) => (
        <Field
          key={channel}
          label={`Template for ${channelWords[channel].toLowerCase()}`}
          {...(channel === "email" && {
            hint: "The key of a template, which takes the place of the message’s own. Empty: its own.",
          })}
          error={faultAt(error, `/templates/${channel}`)}
        >
          {(control) => (
            <input
              {...control}
              autoComplete="off"
              value={draft.templates[channel] ?? ""}
              onChange={({ target }) => {
                const { [channel]: _, ...others } = draft.templates;
                change({
                  templates: target.value === "" ? others : { ...others, [channel]: target.value },
                });
              }}
            />
          )}
        </Field>
      ))}
      <Check checked={draft.active} onChange={({ target }) => change({ active: target.checked })}>
        Active
        <span className="muted"> – an inactive rule is kept and not used</span>
      </Check>
    </Fields>
  );
}

import { useQuery } from "@tanstack/react-query";
import { DataForm } from "../parts/data-form.tsx";
import { Field, Fields } from "../parts/form.tsx";
import { JsonField } from "../parts/json-field.tsx";
import { hasProperties, type JsonObject, type Schema } from "../parts/json-schema.ts";
import { Failed, Loading } from "../parts/states.tsx";
import { templatesQuery } from "../templates/queries.ts";
import styles from "./builder.module.css";
import { useParts } from "./context.ts";
import { MessagePreview } from "./message-preview.tsx";
import { versionQuery, versionsQuery } from "../templates/queries.ts";
import { Section } from "./section.tsx";
import { useDebounced } from "./use-debounced.ts";

const previewMs = 250;

/** What is sent: the template with its version, and its variables. */
export function MessageSection() {
  const { draft, update, faultOf, sample } = useParts();
  const { template, data } = draft;
  const templates = useQuery(templatesQuery({ archived: "false", limit: "200" }));
  const versions = useQuery({ ...versionsQuery(template?.key ?? ""), enabled: template !== null });
  const version = useQuery({
    ...versionQuery(template?.key ?? "", template?.version ?? 1),
    enabled: template !== null,
  });
  const shownData = useDebounced(data, previewMs);
  const known = templates.data?.items ?? [];
  const active = known.find(({ key }) => key === template?.key)?.activeVersion.version;

  return (
    <Section id="message">
      <div className={styles.columns}>
        <Fields>
          <Field label="Name" hint="Only operators see it." error={faultOf("/name")}>
            {(control) => (
              <input
                {...control}
                maxLength={200}
                autoComplete="off"
                value={draft.name}
                onChange={({ target }) => update({ name: target.value })}
              />
            )}
          </Field>
          {templates.error ? (
            <Failed
              what="the templates"
              error={templates.error}
              retry={() => void templates.refetch()}
            />
          ) : (
            <div className={styles.pair}>
              <Field label="Template" error={faultOf("/template")}>
                {(control) => (
                  <select
                    {...control}
                    value={template?.key ?? ""}
                    onChange={({ target }) => {
                      const chosen = known.find(({ key }) => key === target.value);
                      if (chosen)
                        update({
                          template: { key: chosen.key, version: chosen.activeVersion.version },
                        });
                    }}
                  >
                    <option value="" disabled>
                      Choose a template…
                    </option>
                    {template && !known.some(({ key }) => key === template.key) && (
                      <option value={template.key}>{template.key}</option>
                    )}
                    {known.map(({ key, name }) => (
                      <option key={key} value={key}>
                        {name} ({key})
                      </option>
                    ))}
                  </select>
                )}
              </Field>
              <Field label="Version" error={faultOf("/template/version")}>
                {(control) => (
                  <select
                    {...control}
                    disabled={template === null}
                    value={template?.version ?? ""}
                    onChange={({ target }) =>
                      update({ template: { key: template!.key, version: Number(target.value) } })
                    }
                  >
                    {(versions.data?.items.map((each) => each.version) ?? [template?.version])
                      .filter((each) => each !== undefined)
                      .map((each) => (
                        <option key={each} value={each}>
                          {each}
                          {each === active ? " (active)" : ""}
                        </option>
                      ))}
                  </select>
                )}
              </Field>
            </div>
          )}
          {template && (
            <p className="muted">
              The campaign keeps this version, even if another one becomes active.
            </p>
          )}
          {version.data &&
            (hasProperties(version.data.variables as Schema) ? (
              <DataForm
                key={`${template?.key} ${template?.version}`}
                schema={version.data.variables as Schema}
                data={data as JsonObject}
                onChange={(changed) => update({ data: changed })}
                at="/data"
                faultOf={faultOf}
              />
            ) : (
              <JsonField
                label="Variables (JSON)"
                hint="The version does not describe its variables."
                value={data}
                onChange={(value) => update({ data: (value ?? {}) as JsonObject })}
                fault={faultOf("/data")}
              />
            ))}
          {template && version.isLoading && <Loading what="the variables" rows={2} />}
        </Fields>
        {template ? (
          <MessagePreview template={template} data={shownData} sample={sample} />
        ) : (
          <p className={`${styles.blank} muted`}>
            The message is shown here once it has a template.
          </p>
        )}
      </div>
    </Section>
  );
}

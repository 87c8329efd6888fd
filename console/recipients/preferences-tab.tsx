import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { ApiProblem } from "../api/problem.ts";
import { includesRole, useSession } from "../api/session.ts";
import { Button } from "../parts/button.tsx";
import { Panel } from "../parts/page.tsx";
import { Failed, Loading, ProblemBanner } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";
import { channelWords } from "../words/statuses.ts";
import { patchPreferences } from "./actions.ts";
import { OriginChip } from "./origin-chip.tsx";
import { PreferenceDialog } from "./preference-dialog.tsx";
import { PreferenceVersions } from "./preference-versions.tsx";
import {
  type Control,
  describeValue,
  patchOf,
  preferenceGroups,
  type PreferencePath,
  statedAt,
} from "./preference-words.ts";
import { type Preferences, preferencesQuery } from "./queries.ts";
import styles from "./preferences-tab.module.css";

interface Edited {
  path: PreferencePath;
  name: string;
  control: Control;
}

const trackingItems = [
  ["opens", "Whether emails are opened"],
  ["clicks", "Which links are followed"],
] as const;

/** What is in force for the recipient, and who said so. */
export function PreferencesTab({
  id,
  type,
  version,
}: {
  id: string;
  type: string | undefined;
  version: string | undefined;
}) {
  const query = useQuery(preferencesQuery(id, type));
  const { data, error } = query;
  const retry = () => void query.refetch();
  if (!data)
    return (
      <Panel title="Preferences">
        {error ? (
          <Failed what="the preferences" error={error} retry={retry} />
        ) : (
          <Loading what="the preferences" rows={12} />
        )}
      </Panel>
    );
  return (
    <div className={styles.parts}>
      <InForce id={id} preferences={data} type={type} />
      <PreferenceVersions id={id} latest={data.version} shown={version} />
    </div>
  );
}

function InForce({
  id,
  preferences,
  type,
}: {
  id: string;
  preferences: Preferences;
  type: string | undefined;
}) {
  const client = useQueryClient();
  const navigate = useNavigate({ from: "/recipients/$id" });
  const [edited, setEdited] = useState<Edited | null>(null);
  const [error, setError] = useState<unknown>(null);

  const refresh = () =>
    client.invalidateQueries({ predicate: ({ queryKey }) => queryKey.includes(id) });

  /** Sets the preference at a path, and offers the inverse. Null removes it, so that the value of the type or the policy applies. */
  async function set(path: readonly string[], name: string, value: unknown): Promise<void> {
    setError(null);
    const before = statedAt(preferences.preferences, path);
    const changed = await patchPreferences(id, preferences.version, patchOf(path, value)).catch(
      async (failure: unknown) => {
        if (failure instanceof ApiProblem && failure.status === 412) await refresh();
        throw failure;
      },
    );
    await refresh();
    showToast(`Saved: ${name}.`, {
      undo: () =>
        void patchPreferences(id, changed.version, patchOf(path, before)).then(refresh, setError),
    });
  }

  const reset = (path: readonly string[], name: string) =>
    void set(path, name, null).catch(setError);
  return (
    <Panel
      title="In force"
      aside={
        <label className={styles.type}>
          <span className="muted">for</span>
          <select
            aria-label="The type of message that the preferences are for"
            value={type ?? ""}
            onChange={({ target }) =>
              void navigate({
                search: (before) => ({
                  ...before,
                  type: target.value === "" ? undefined : target.value,
                }),
              })
            }
          >
            <option value="">messages without a type</option>
            {preferences.types.map(({ key, name }) => (
              <option key={key} value={key}>
                {name}
              </option>
            ))}
          </select>
        </label>
      }
      isFlush
    >
      {error !== null && <ProblemBanner error={error} />}
      <table className={styles.table} aria-label="Preferences in force">
        {preferenceGroups.map((group) => (
          <tbody key={group.name}>
            <tr>
              <th colSpan={4} scope="rowgroup">
                {group.name}
              </th>
            </tr>
            {group.items.map(([path, name, control]) => {
              const { value, from } = preferences.effective[path];
              return (
                <Row
                  key={path}
                  name={name}
                  value={describeValue(control, value)}
                  origin={<OriginChip from={from} version={preferences.version} type={type} />}
                  isOwn={from === "recipient"}
                  onEdit={() => setEdited({ path, name, control })}
                  onReset={() => reset(path.split("."), name)}
                />
              );
            })}
          </tbody>
        ))}
        <tbody>
          <tr>
            <th colSpan={4} scope="rowgroup">
              Tracking of emails
            </th>
          </tr>
          {trackingItems.map(([item, name]) => {
            const isRefused = preferences.preferences.tracking?.[item] === false;
            return (
              <Row
                key={item}
                name={name}
                value={isRefused ? "Never" : "Where the sender asks for it"}
                origin={
                  isRefused ? (
                    <OriginChip from="recipient" version={preferences.version} type={type} />
                  ) : null
                }
                isOwn={false}
                edit={isRefused ? "Allow" : "Refuse"}
                onEdit={() =>
                  void set(["tracking", item], name, isRefused ? null : false).catch(setError)
                }
                onReset={() => reset(["tracking", item], name)}
              />
            );
          })}
        </tbody>
        <tbody>
          <tr>
            <th colSpan={4} scope="rowgroup">
              Types of messages
            </th>
          </tr>
          {preferences.types.map(({ key, name, on, channels, from, mandatory }) => (
            <Row
              key={key}
              name={name}
              value={
                mandatory ? (
                  "On, cannot be switched off"
                ) : !on ? (
                  "Off"
                ) : (
                  <ChannelSwitches
                    name={name}
                    channels={channels}
                    onSwitch={(channel, isOn) =>
                      void set(
                        ["types", key, channel],
                        `${name}, ${channelWords[channel]}`,
                        isOn,
                      ).catch(setError)
                    }
                  />
                )
              }
              origin={<OriginChip from={from} version={preferences.version} type={key} />}
              isOwn={from === "recipient"}
              edit={on ? "Switch off" : "Switch on"}
              isFixed={mandatory}
              onEdit={() => void set(["types", key], name, !on).catch(setError)}
              onReset={() => reset(["types", key], name)}
            />
          ))}
        </tbody>
      </table>
      {edited && (
        <PreferenceDialog
          name={edited.name}
          path={edited.path}
          control={edited.control}
          value={preferences.effective[edited.path].value}
          range={
            "range" in preferences.effective[edited.path]
              ? (
                  preferences.effective[edited.path] as {
                    range: { minimum: number; maximum: number };
                  }
                ).range
              : null
          }
          onSave={(value) => set(edited.path.split("."), edited.name, value)}
          onClose={() => setEdited(null)}
        />
      )}
    </Panel>
  );
}

/** The channels of a type that is on, each with its own switch. */
function ChannelSwitches({
  name,
  channels,
  onSwitch,
}: {
  name: string;
  channels: Preferences["types"][number]["channels"];
  onSwitch: (
    channel: Preferences["types"][number]["channels"][number]["channel"],
    isOn: boolean,
  ) => void;
}) {
  const isAllowed = includesRole(useSession().role, "sender");
  return (
    <span className={styles.channels} role="group" aria-label={`Channels of ${name}`}>
      {channels.map(({ channel, on }) => (
        <label key={channel}>
          <input
            type="checkbox"
            checked={on}
            disabled={!isAllowed}
            onChange={() => onSwitch(channel, !on)}
          />
          {channelWords[channel]}
        </label>
      ))}
    </span>
  );
}

interface RowProps {
  name: string;
  value: React.ReactNode;
  origin: React.ReactNode;
  /** Whether the recipient has stated it. */
  isOwn: boolean;
  edit?: string;
  isFixed?: boolean;
  onEdit: () => void;
  onReset: () => void;
}

const Row = ({ name, value, origin, isOwn, edit = "Change", isFixed = false, ...on }: RowProps) => (
  <tr>
    <td className={styles.name}>{name}</td>
    <td className={styles.value}>{value}</td>
    <td>{origin}</td>
    <td className={styles.verbs}>
      {isOwn && (
        <Button
          kind="quiet"
          needs="sender"
          aria-label={`Use the default: ${name}`}
          onClick={on.onReset}
        >
          Use the default
        </Button>
      )}
      {!isFixed && (
        <Button needs="sender" aria-label={`${edit}: ${name}`} onClick={on.onEdit}>
          {edit}
        </Button>
      )}
    </td>
  </tr>
);

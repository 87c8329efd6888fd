import type { TypeSwitch } from "../../domain/policy/preferences.ts";
import { type Centre, shownChannels } from "./centre.ts";
import { type Form, readAll, type ReadForm } from "./form.ts";

type ShownType = Centre["answer"]["types"][number];

/** The types that the centre lists, under the headings that recipients know them by; those without a heading come last. */
export function groupTypes({ answer }: Centre): { group: string | null; types: ShownType[] }[] {
  const groups = new Map<string | null, ShownType[]>();
  for (const type of answer.types) {
    if (!type.shown.isListed || shownChannels(type.channels).length === 0) continue;
    const { group } = type.shown;
    groups.set(group, [...(groups.get(group) ?? []), type]);
  }
  const byName = (one: ShownType, other: ShownType) =>
    one.shown.name.localeCompare(other.shown.name);
  return [...groups]
    .map(([group, types]) => ({ group, types: types.toSorted(byName) }))
    .toSorted((one, other) =>
      one.group === null ? 1 : other.group === null ? -1 : one.group.localeCompare(other.group),
    );
}

/**
 * Reads which types are switched on, by channel. The form names the types that it shows in `known`: a type that was created since then stays as it is,
 * and so do mandatory ones.
 */
export function readTypes(form: Form, { answer, stated }: Centre): ReadForm {
  const known = new Set(readAll(form, "known"));
  const wanted = new Set(readAll(form, "on"));
  const types: Record<string, unknown> = {};
  for (const type of answer.types) {
    if (!known.has(type.key) || type.mandatory) continue;
    const shown = shownChannels(type.channels);
    const isWanted = (channel: string) => wanted.has(`${channel} ${type.key}`);
    if (shown.every(({ channel, on }) => on === isWanted(channel))) continue;
    const isShown = new Set(shown.map(({ channel }) => channel));
    const after = type.channels.map(({ channel, on }) => ({
      channel,
      on: isShown.has(channel) ? isWanted(channel) : on,
    }));
    types[type.key] = switchOf(after, stated.types?.[type.key]);
  }
  return { patch: Object.keys(types).length === 0 ? {} : { types }, faults: new Map() };
}

/** The part of a merge patch that switches the channels of a type: null leaves the type to the organisation. */
function switchOf(
  after: readonly { channel: string; on: boolean }[],
  before: TypeSwitch | undefined,
): unknown {
  if (after.every(({ on }) => on)) return null;
  if (after.every(({ on }) => !on)) return false;
  const earlier = typeof before === "object" ? Object.keys(before) : [];
  return {
    ...Object.fromEntries(earlier.map((channel) => [channel, null])),
    ...Object.fromEntries(after.map(({ channel, on }) => [channel, on ? null : false])),
  };
}

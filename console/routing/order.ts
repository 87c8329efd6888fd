/** The keys with one of them moved to another place, counted from 0. Null if it is already there, or if there is no such place. */
export function moveTo(keys: readonly string[], key: string, place: number): string[] | null {
  const from = keys.indexOf(key);
  if (from === -1 || from === place || place < 0 || place >= keys.length) return null;
  const others = keys.filter((other) => other !== key);
  return [...others.slice(0, place), key, ...others.slice(place)];
}

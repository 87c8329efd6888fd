/** Scores how well a name matches what was typed: 0 if it does not, and more the earlier and the closer the letters are. */
function scoreOf(name: string, typed: string): number {
  const [hay, needle] = [name.toLowerCase(), typed.trim().toLowerCase()];
  if (needle === "") return 1;
  const at = hay.indexOf(needle);
  if (at === 0) return 100;
  if (at > 0) return hay[at - 1] === " " ? 80 : 60;
  // The letters in this order, with others between them.
  let [from, score] = [0, 40];
  for (const letter of needle.replaceAll(" ", "")) {
    const found = hay.indexOf(letter, from);
    if (found < 0) return 0;
    score -= found - from;
    from = found + 1;
  }
  return Math.max(score, 1);
}

/** Returns the entries that match what was typed, the best first, and of equal ones in their order. */
export function rank<Entry extends { name: string }>(
  entries: readonly Entry[],
  typed: string,
): Entry[] {
  return entries
    .map((entry) => ({ entry, score: scoreOf(entry.name, typed) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
    .map(({ entry }) => entry);
}

/** Formats rows as lines with the name on the left and the value on the right. */
export function table(rows: readonly (readonly [name: string, value: string | number])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows
    .map(
      ([name, value]) =>
        `  ${name.padEnd(width)}  ${typeof value === "number" ? readable(value) : value}\n`,
    )
    .join("");
}

function readable(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: Math.abs(value) < 100 ? 2 : 0 });
}

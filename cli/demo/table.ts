/** Formats rows as lines with the name on the left and the value on the right. */
export function table(rows: readonly (readonly [name: string, value: string | number])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${textOf(value)}\n`).join("");
}

/** Formats rows below a header as lines of columns: names on the left, and numbers right-aligned. */
export function columns(
  header: readonly string[],
  rows: readonly (readonly [name: string, ...values: number[]])[],
): string {
  const cells = [header, ...rows.map((row) => row.map((cell) => textOf(cell)))];
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  return cells
    .map(([name, ...values]) => {
      const aligned = values.map((value, index) => value.padStart(widths[index + 1]!));
      return `  ${[name!.padEnd(widths[0]!), ...aligned].join("  ")}\n`;
    })
    .join("");
}

const textOf = (cell: string | number) => (typeof cell === "number" ? readable(cell) : cell);

function readable(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: Math.abs(value) < 100 ? 2 : 0 });
}

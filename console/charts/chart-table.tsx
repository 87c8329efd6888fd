interface ChartTableProps {
  /** What the chart shows. */
  caption: string;
  /** The heading of the first column. */
  of: string;
  columns: readonly string[];
  rows: readonly { name: string; values: readonly string[] }[];
}

/** The values of a chart as a table, for those who do not see the chart. */
export function ChartTable({ caption, of, columns, rows }: ChartTableProps) {
  return (
    <div className="hidden-text">
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            <th scope="col">{of}</th>
            {columns.map((column) => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ name, values }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {values.map((value, place) => (
                <td key={columns[place]}>{value}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

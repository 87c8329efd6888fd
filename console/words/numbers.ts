const whole = new Intl.NumberFormat("en");
const share = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1 });

/** Formats a count, such as 18,310. */
export const formatCount = (count: number) => whole.format(count);

/** Formats a share from 0 to 1. It does not round up to 100%, or down to 0%, what is not quite that. */
export function formatShare(value: number): string {
  if (value > 0.999 && value < 1) return "> 99.9%";
  if (value > 0 && value < 0.001) return "< 0.1%";
  return share.format(value);
}

/** Formats a count with its noun. */
export const formatNoun = (count: number, one: string, many = `${one}s`) =>
  `${formatCount(count)} ${count === 1 ? one : many}`;

const byteUnits = ["B", "KB", "MB", "GB", "TB"];

/** Formats a number of bytes, in units of 1,024. */
export function formatBytes(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10);
  const unit = Math.min(power, byteUnits.length - 1);
  const size = bytes / 1_024 ** unit;
  return `${size < 10 && unit > 0 ? size.toFixed(1) : whole.format(Math.round(size))} ${byteUnits[unit]}`;
}

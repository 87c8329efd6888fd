/** How long this process has used a CPU, in milliseconds: a measure of its effort, whatever else the machine does. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** Returns the CPU time of this process in milliseconds: a measure of its work that does not depend on the load of the machine. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

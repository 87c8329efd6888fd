export interface Latencies {
  /** The milliseconds of each call, in the order in which the calls ended. */
  ms: number[];
  /** Calls per second over all callers. */
  perSecond: number;
}

/** Makes `calls` calls with `callers` concurrent callers. Rejects with the error of the first failed call. */
export async function measureCalls(
  { calls, callers }: { calls: number; callers: number },
  call: (n: number) => Promise<unknown>,
): Promise<Latencies> {
  const ms: number[] = [];
  let next = 0;
  const startedAt = performance.now();
  const caller = async () => {
    while (next < calls) {
      const n = next++;
      const at = performance.now();
      await call(n);
      ms.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return { ms, perSecond: (calls * 1_000) / (performance.now() - startedAt) };
}

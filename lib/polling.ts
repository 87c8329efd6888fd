/** Repeats `work` until it is stopped: each time `everyMs` after it ended, whether or not it failed. */
export function poll(work: () => Promise<void>, everyMs: number): { stop(): void } {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const again = () => {
    if (!stopped) timer = setTimeout(() => void work().then(again, again), everyMs);
  };
  again();
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

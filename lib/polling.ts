/** Of how many times work is done once while it rests. */
const seldom = 30;

/**
 * Repeats `work` until it is stopped: each time `everyMs` after it ended, whether or not it failed. While `rests` says that nobody needs
 * it, it is done every thirtieth time only.
 */
export function poll(
  work: () => Promise<void>,
  everyMs: number,
  rests: () => boolean = () => false,
): { stop(): void } {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let skipped = 0;
  const turn = async () => {
    if (rests() && ++skipped < seldom) return;
    skipped = 0;
    await work();
  };
  const again = () => {
    if (!stopped) timer = setTimeout(() => void turn().then(again, again), everyMs);
  };
  again();
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

/** While resting, only one of this many turns does the work. */
const restingTurns = 30;

/**
 * Repeats `work` until it is stopped, each time `everyMs` after it ended, even if it failed. While `rests` returns true, only every thirtieth
 * turn does the work.
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
    if (rests() && ++skipped < restingTurns) return;
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

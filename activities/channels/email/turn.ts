let waiting: (() => void)[] = [];

/**
 * Runs `work` at the end of the turn of the event loop, when all sockets have been read, together with all other such work. One
 * burst of writes costs less than the same writes spread among other work, each of which may have to wake a process.
 */
export function atEndOfTurn(work: () => void): void {
  if (waiting.length === 0) setImmediate(runWaiting);
  waiting.push(work);
}

function runWaiting(): void {
  const now = waiting;
  waiting = [];
  for (const work of now) work();
}

let waiting: (() => void)[] = [];

/**
 * Does something once what has come in on all sockets was read, together with whatever else waits for that. Servers and the kernel are
 * handed a burst at less cost than the same writes one by one between other work, each of which may have to wake somebody.
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

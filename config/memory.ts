import { totalmem } from "node:os";
import { getHeapStatistics } from "node:v8";

/**
 * The share of its memory limit that this process uses, from 0 to 1: of the memory of its container or machine, or of V8's heap limit,
 * whichever share is larger.
 */
export function memoryShare(): number {
  const constrained = process.constrainedMemory();
  // Without a limit the kernel reports 0 or more than the memory of the machine.
  const limit = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
  const { used_heap_size: used, heap_size_limit: heap } = getHeapStatistics();
  return Math.max(process.memoryUsage.rss() / limit, used / heap);
}

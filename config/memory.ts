import { totalmem } from "node:os";
import { getHeapStatistics } from "node:v8";

/**
 * What this process uses of the memory that it may use, from 0 to 1: of what its container or the machine has, or of what
 * V8 lets its heap grow to, whichever it is nearer to the end of.
 */
export function memoryShare(): number {
  const constrained = process.constrainedMemory();
  // Without a limit the kernel names one beyond all there is, or none.
  const limit = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
  const { used_heap_size: used, heap_size_limit: heap } = getHeapStatistics();
  return Math.max(process.memoryUsage.rss() / limit, used / heap);
}

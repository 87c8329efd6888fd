import type { Logger } from "pino";
import type {
  DeviceAnswer,
  DeviceLedger,
  DeviceMessage,
  OwedDevices,
} from "../../../ledger/push-devices.ts";
import { createGatherer } from "../../../lib/gathering.ts";

/** How many messages one statement covers, and how many such statements run at once. */
const gathered = { most: 100, atOnce: 2 };

/** How soon after the end of messages their answers are removed. Their outcomes are in the ledger by then. */
const tidyMs = 5_000;
const mostToTidy = 10_000;

/** The devices of many messages, read and written in few statements. */
export interface DeviceStore {
  /** Rejects if the database cannot be reached. */
  owed(message: DeviceMessage): Promise<OwedDevices>;
  /** Records that a device is not asked again. Resolves with false if that failed. */
  recordAnswer(answer: DeviceAnswer): Promise<boolean>;
  /** Disables a device that is gone. Resolves in any case: if it fails, the push service says so again. */
  disable(deviceId: string): Promise<void>;
  /** Notes later that a device has accepted a message. */
  noteUsed(deviceId: string): void;
  /** Removes later the answers to a message that has ended. */
  forgetAnswers(messageId: string): void;
  /** Writes what was noted. */
  close(): Promise<void>;
}

export function createDeviceStore(
  ledger: DeviceLedger,
  logger?: Pick<Logger, "warn">,
): DeviceStore {
  const gather = <Item, Result>(
    doTogether: (items: readonly Item[]) => Promise<readonly Result[]>,
  ) =>
    createGatherer<Item, Result>({
      ...gathered,
      doTogether,
      doApart: async (item) => (await doTogether([item]))[0]!,
      isOneItemsFault: () => false,
    });
  const read = gather((messages: readonly DeviceMessage[]) => ledger.owed(messages));
  const record = gather(async (answers: readonly DeviceAnswer[]) => {
    await ledger.recordAnswers(answers);
    return answers.map(() => true);
  });
  const disable = gather(async (ids: readonly string[]) => {
    await ledger.disable(ids);
    return ids.map(() => true);
  });
  const used = new Set<string>();
  const ended = new Set<string>();
  let timer: NodeJS.Timeout | undefined;

  async function tidy(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const [ids, messages] = [[...used], [...ended]];
    used.clear();
    ended.clear();
    // What fails is left: answers are removed with their deliveries, and devices are used again.
    await Promise.allSettled([
      ids.length > 0 && ledger.noteUsed(ids),
      messages.length > 0 && ledger.forgetAnswers(messages),
    ]);
  }

  function add(to: Set<string>, id: string): void {
    if (to.size < mostToTidy) to.add(id);
    timer ??= setTimeout(() => void tidy(), tidyMs).unref();
  }

  return {
    owed: read,
    recordAnswer: (answer) =>
      record(answer).catch((error: Error) => {
        logger?.warn({ error: error.message }, "which devices took a message was not recorded");
        return false;
      }),
    async disable(id) {
      await disable(id).catch((error: Error) =>
        logger?.warn({ error: error.message }, "a device that is gone was not disabled"),
      );
    },
    noteUsed: (id) => add(used, id),
    forgetAnswers: (id) => add(ended, id),
    close: tidy,
  };
}

import { createHash } from "node:crypto";
import { encodedLength, maxAttachmentBytes } from "../../../domain/attachment.ts";
import type { OpenedAttachment } from "../../../ledger/attachments.ts";
import { encodeAttachments } from "./mime-attachments.ts";

/** An attachment that no longer exists. */
export class MissingAttachment extends Error {}

/** Encoded attachments in use. They stay in memory until they are released. */
export interface FilesInUse {
  /** The boundary before each attachment. */
  boundary: string;
  /** The parts of the attachments and the end of the body. It must not be changed, since messages share it. */
  tail: Buffer;
  release: () => void;
}

/** Lines of 76 characters and their breaks, with room for the headers of ten parts. */
const largestTail = Math.ceil(encodedLength(maxAttachmentBytes) * (78 / 76)) + 65_536;
/** Files that no message uses are kept for this long. */
const keptMs = 30_000;

interface Entry {
  loaded: Promise<{ boundary: string; tail: Buffer }>;
  users: number;
  bytes: number;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Reads the attachments of messages and encodes them once for all messages that have the same ones. It bounds the memory of all
 * together: if there is no room, a message waits until others have released theirs.
 */
export class SharedFiles {
  readonly #read: (id: string) => Promise<OpenedAttachment | null>;
  readonly #maxBytes: number;
  /** By the ids of the attachments. The least recently used are first. */
  readonly #entries = new Map<string, Entry>();
  readonly #waiting: (() => void)[] = [];
  #bytes = 0;

  /**
   * @param read returns null for an attachment that does not exist
   * @param maxBytes how many bytes of encoded attachments are in memory; the largest ones of one message always have room
   */
  constructor({
    read,
    maxBytes = 64 * 1_024 * 1_024,
  }: {
    read: (id: string) => Promise<OpenedAttachment | null>;
    maxBytes?: number;
  }) {
    this.#read = read;
    this.#maxBytes = Math.max(maxBytes, largestTail);
  }

  /** The bytes of encoded attachments in memory, or that are reserved for those that are being read. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Reads attachments by their UUIDs, or uses those in memory. Throws `MissingAttachment`, or the error of reading. Each use must be
   * released once.
   */
  async use(ids: readonly string[]): Promise<FilesInUse> {
    const key = ids.join(" ");
    let entry = this.#entries.get(key);
    while (!entry && !this.#makeRoom()) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
      entry = this.#entries.get(key);
    }
    entry ??= this.#load(key, ids);
    entry.users += 1;
    clearTimeout(entry.timer);
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    const used = entry;
    try {
      return { ...(await used.loaded), release: () => this.#release(key, used) };
    } catch (error) {
      this.#release(key, used);
      throw error;
    }
  }

  /** Drops files that nobody uses, the least recently used first, until the largest ones of a message have room. */
  #makeRoom(): boolean {
    for (const [key, entry] of this.#entries) {
      if (this.#bytes + largestTail <= this.#maxBytes) return true;
      if (entry.users === 0) this.#drop(key, entry);
    }
    return this.#bytes + largestTail <= this.#maxBytes;
  }

  #load(key: string, ids: readonly string[]): Entry {
    this.#bytes += largestTail;
    const entry: Entry = {
      loaded: this.#encode(ids),
      users: 0,
      bytes: largestTail,
      timer: undefined,
    };
    entry.loaded.then(
      ({ tail }) => {
        this.#bytes += tail.length - entry.bytes;
        entry.bytes = tail.length;
        this.#letIn();
      },
      () => this.#drop(key, entry),
    );
    return entry;
  }

  async #encode(ids: readonly string[]): Promise<{ boundary: string; tail: Buffer }> {
    // "=_" occurs neither in base64 nor in quoted-printable text.
    const boundary = `=_${createHash("sha256").update(ids.join(" ")).digest("hex").slice(0, 30)}`;
    const files: OpenedAttachment[] = [];
    for (const id of ids) {
      const file = await this.#read(id);
      if (!file) throw new MissingAttachment("an attachment of the message no longer exists");
      files.push(file);
    }
    return { boundary, tail: await encodeAttachments(files, boundary) };
  }

  #release(key: string, entry: Entry): void {
    entry.users -= 1;
    if (entry.users > 0) return;
    if (this.#waiting.length > 0) return this.#drop(key, entry);
    entry.timer = setTimeout(() => this.#drop(key, entry), keptMs).unref();
  }

  #drop(key: string, entry: Entry): void {
    clearTimeout(entry.timer);
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
    this.#bytes -= entry.bytes;
    entry.bytes = 0;
    this.#letIn();
  }

  #letIn(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

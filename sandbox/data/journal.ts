/**
 * The state of a store on disk: a snapshot, and a log of every write since.
 *
 *     00000003.snapshot   everything at the moment when log 3 was begun
 *     00000003.log        one record per write since then
 *     00000004.log        begun when 3 had grown too long; 00000004.snapshot is being written (as .new)
 *
 * A record has been handed to the operating system before the write is acknowledged or seen by anybody: it survives the end
 * of the process, however it ends (kill -9). It is not forced to the disk: after a loss of power the last moments may be
 * missing. Snapshots are forced to the disk before the logs that they replace are removed.
 */
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { encodeObject } from "../apiserver/present.ts";
import type { Journal, KeptObject, KeptWrite } from "../apiserver/store.ts";
import { ApiError } from "../apiserver/types.ts";
import { type DataFolder, FolderRefused } from "./folder.ts";
import { frame, readRecords } from "./records.ts";

/** A log is replaced by a snapshot when it is longer than this, and longer than the snapshot before it. */
const LONG_LOG = 32 * 1024 * 1024;
/** Written in one piece of a snapshot; between two of them other work gets its turn. */
const PIECE = 1024 * 1024;

export interface FileJournal extends Journal {
  /** Finishes the snapshot that is being written, if any. */
  close(): Promise<void>;
}

export interface JournalOptions {
  readonly longLog?: number;
  readonly log?: (message: string, fields: Record<string, unknown>) => void;
}

export function openJournal(folder: DataFolder, options: JournalOptions = {}): FileJournal {
  return new LogAndSnapshot(folder.path, options);
}

class LogAndSnapshot implements FileJournal {
  readonly #path: string;
  readonly #options: JournalOptions;
  #sequence = 0;
  #file = -1;
  #length = 0;
  #snapshotLength = 0;
  #state: (() => KeptState) | undefined;
  #snapshotting: Promise<void> | undefined;
  #closed = false;

  constructor(path: string, options: JournalOptions) {
    this.#path = path;
    this.#options = options;
  }

  restore(target: Parameters<Journal["restore"]>[0]): void {
    const snapshots = this.#sequences(".snapshot");
    const base = snapshots.at(-1) ?? 0;
    if (base > 0) this.#restoreSnapshot(base, target.object, target.revision);
    const logs = this.#sequences(".log").filter((sequence) => sequence >= base);
    for (const sequence of logs) this.#restoreLog(sequence, target.write, target.revision);
    this.#sequence = logs.at(-1) ?? Math.max(base, 1);
    this.#open();
    this.#sweep(base);
  }

  begin(state: () => KeptState): void {
    this.#state = state;
  }

  append({ resource, type, object, revision }: KeptWrite): void {
    const where = `"type":"${type}","resource":${JSON.stringify(resource)},"revision":${revision}`;
    const { namespace, name } = object.metadata;
    // What is deleted is known by then.
    const what = type === "DELETED" ? JSON.stringify({ metadata: { namespace, name } }) : encodeObject(object);
    this.#write(frame(`{${where},"object":${what}}`));
  }

  appendRevision(revision: number): void {
    this.#write(frame(JSON.stringify({ type: "REVISION", revision })));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#snapshotting;
    closeSync(this.#file);
  }

  #write(text: string): void {
    const bytes = Buffer.from(text);
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#file, bytes, done);
    } catch (error) {
      // Half a record in the middle of the log would make it unreadable.
      ftruncateSync(this.#file, this.#length);
      const why = error instanceof Error ? error.message : String(error);
      throw new ApiError(500, "InternalError", `Internal error occurred: the write cannot be kept: ${why}`);
    }
    this.#length += bytes.length;
    const { longLog = LONG_LOG } = this.#options;
    if (this.#length > Math.max(longLog, this.#snapshotLength)) this.#startSnapshot();
  }

  #startSnapshot(): void {
    if (this.#snapshotting !== undefined || this.#state === undefined || this.#closed) return;
    // The record just written is not in the store yet: the snapshot is taken when it is.
    this.#snapshotting = Promise.resolve()
      .then(() => this.#snapshot())
      .catch((error: unknown) => this.#options.log?.("snapshot failed", { error: String(error) }))
      .finally(() => (this.#snapshotting = undefined));
  }

  async #snapshot(): Promise<void> {
    const state = this.#state?.();
    if (state === undefined) return;
    // All later writes go into the next log; the objects below do not change any more.
    const before = this.#file;
    this.#sequence += 1;
    this.#open();
    closeSync(before);
    const name = this.#name(this.#sequence, ".snapshot");
    const file = openSync(`${name}.new`, "w", 0o600);
    let [length, piece] = [0, frame(JSON.stringify({ type: "REVISION", revision: state.revision }))];
    const flush = (): void => {
      length += writeAll(file, piece);
      piece = "";
    };
    try {
      for (const { resource, object } of state.objects) {
        piece += frame(`{"resource":${JSON.stringify(resource)},"object":${encodeObject(object)}}`);
        if (piece.length < PIECE) continue;
        flush();
        await nextTurn();
      }
      piece += frame(JSON.stringify({ type: "END" }));
      flush();
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(`${name}.new`, name);
    this.#snapshotLength = length;
    this.#sweep(this.#sequence);
  }

  #restoreSnapshot(sequence: number, object: (kept: KeptObject) => void, revision: (revision: number) => void): void {
    const bytes = readFileSync(this.#name(sequence, ".snapshot"));
    this.#snapshotLength = bytes.length;
    const name = this.#name(sequence, ".snapshot");
    const records = readRecords(bytes, name).records as StoredRecord[];
    if (records.at(-1)?.type !== "END") {
      throw new FolderRefused(`${name} is cut off: restore it, or name another folder`);
    }
    for (const record of records) {
      if (record.type === "REVISION") revision(record.revision);
      else if (record.type === undefined) object(record);
    }
  }

  #restoreLog(sequence: number, write: (kept: KeptWrite) => void, revision: (revision: number) => void): void {
    const name = this.#name(sequence, ".log");
    const bytes = readFileSync(name);
    const { records, length } = readRecords(bytes, name);
    for (const record of records as StoredRecord[]) {
      if (record.type === "REVISION") revision(record.revision);
      else if (record.type !== undefined && record.type !== "END") write(record);
    }
    if (length === bytes.length) return;
    this.#options.log?.("a torn record is dropped", { file: name, bytes: bytes.length - length });
    const file = openSync(name, "r+");
    ftruncateSync(file, length);
    closeSync(file);
  }

  /** Opens the newest log for appending. */
  #open(): void {
    const name = this.#name(this.#sequence, ".log");
    this.#file = openSync(name, "a", 0o600);
    this.#length = readFileSync(name).length;
  }

  /** Removes what a snapshot has made superfluous, and snapshots that were never finished. */
  #sweep(base: number): void {
    for (const suffix of [".snapshot", ".log"]) {
      for (const old of this.#sequences(suffix)) if (old < base) rmSync(this.#name(old, suffix));
    }
    for (const half of this.#sequences(".snapshot.new")) rmSync(this.#name(half, ".snapshot.new"));
  }

  #sequences(suffix: string): number[] {
    return readdirSync(this.#path)
      .filter((file) => /^\d{8}\./.test(file) && file.slice(8) === suffix)
      .map((file) => Number(file.slice(0, 8)))
      .sort((a, b) => a - b);
  }

  #name(sequence: number, suffix: string): string {
    return join(this.#path, `${String(sequence).padStart(8, "0")}${suffix}`);
  }
}

type StoredRecord =
  | ({ readonly type: "ADDED" | "MODIFIED" | "DELETED" } & KeptWrite)
  | { readonly type: "REVISION"; readonly revision: number }
  | { readonly type: "END" }
  | ({ readonly type: undefined } & KeptObject);

interface KeptState {
  readonly revision: number;
  readonly objects: Iterable<KeptObject>;
}

function writeAll(file: number, text: string): number {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
  return bytes.length;
}

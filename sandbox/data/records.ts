/** Records in files: one line each, `checksum JSON`. A line that was cut off at the end of a file never counted. */
import { crc32 } from "node:zlib";
import { FolderRefused } from "./folder.ts";

export function frame(json: string): string {
  return `${crc32(json).toString(16).padStart(8, "0")} ${json}\n`;
}

export interface Read {
  readonly records: unknown[];
  /** Up to here the bytes are whole records; what follows is a torn one. */
  readonly length: number;
}

const LINE_FEED = 0x0a;
const CHECKSUM = 9;

/** Reads records. Damage anywhere but in the last record is no torn write: throws FolderRefused. */
export function readRecords(bytes: Buffer, file: string): Read {
  const records: unknown[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = bytes.indexOf(LINE_FEED, at);
    const record = end < 0 ? undefined : unframe(bytes.subarray(at, end));
    if (record === undefined) {
      if (end >= 0 && end < bytes.length - 1) {
        throw new FolderRefused(`${file} is damaged at byte ${at}: restore it, or name another folder`);
      }
      return { records, length: at };
    }
    records.push(record);
    at = end + 1;
  }
  return { records, length: at };
}

function unframe(line: Buffer): unknown {
  const json = line.subarray(CHECKSUM);
  if (line.length <= CHECKSUM || crc32(json) !== Number.parseInt(line.toString("latin1", 0, 8), 16)) return undefined;
  return JSON.parse(json.toString("utf8"));
}

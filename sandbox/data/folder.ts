/** A folder that holds a sandbox's state: whose it is, in which format, and who uses it right now. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** Why a folder cannot be used, in one line for the one who named it. */
export class FolderRefused extends Error {}

export interface DataFolder {
  readonly path: string;
  /** What names this cluster to its clients beyond its objects: tokens are derived from it. */
  readonly secret: Buffer;
  /** A small document of the folder; written whole or not at all. */
  read(name: string): string | undefined;
  write(name: string, text: string): void;
  /** Lets another sandbox use the folder. */
  close(): Promise<void>;
}

const MARK = "sandbox.json";
const FORMAT = "weir-sandbox-data";
const VERSION = 1;

/** Opens a folder, which is made when it is not there. Throws FolderRefused. */
export async function openFolder(name: string): Promise<DataFolder> {
  const path = resolve(name);
  if (existsSync(path) && !statSync(path).isDirectory())
    throw new FolderRefused(`${name} is no folder: name another one`);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const mark = readMark(name, path);
  const unlock = await lock(name, path);
  const write = (file: string, text: string): void => {
    writeFileSync(join(path, `${file}.new`), text, { mode: 0o600, flush: true });
    renameSync(join(path, `${file}.new`), join(path, file));
  };
  const secret = mark?.secret ?? randomBytes(32).toString("hex");
  if (mark === undefined) write(MARK, `${JSON.stringify({ format: FORMAT, version: VERSION, secret })}\n`);
  return {
    path,
    secret: Buffer.from(secret, "hex"),
    read: (file) => (existsSync(join(path, file)) ? readFileSync(join(path, file), "utf8") : undefined),
    write,
    close: unlock,
  };
}

/** Undefined for an empty folder: it becomes ours. */
function readMark(name: string, path: string): { secret: string } | undefined {
  const files = readdirSync(path).filter((file) => file !== `${MARK}.new`);
  if (files.length === 0) return undefined;
  const strange = `${name} holds something else than a sandbox's state: name an empty folder or a new one`;
  if (!files.includes(MARK)) throw new FolderRefused(strange);
  let mark: { format?: unknown; version?: unknown; secret?: unknown };
  try {
    mark = JSON.parse(readFileSync(join(path, MARK), "utf8"));
  } catch {
    throw new FolderRefused(strange);
  }
  if (mark.format !== FORMAT || typeof mark.secret !== "string") throw new FolderRefused(strange);
  if (mark.version !== VERSION) {
    throw new FolderRefused(
      `${name} is in format ${mark.version}, and this sandbox reads ${VERSION}: name another folder`,
    );
  }
  return { secret: mark.secret };
}

/**
 * Holds the folder for this process. A listening socket does it, for the system takes it back however the process ends; on
 * Linux it has no file that could be left behind.
 */
async function lock(name: string, path: string): Promise<() => Promise<void>> {
  const { dev, ino } = statSync(path);
  const id = `weir-sandbox-data-${dev}-${ino}`;
  const address = process.platform === "linux" ? `\0${id}` : join(tmpdir(), `${id}.lock`);
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((taken, refused) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const held = `${name} is in use by another sandbox: end that one, or name another folder`;
      refused(error.code === "EADDRINUSE" ? new FolderRefused(held) : error);
    });
    server.listen(address, taken);
  });
  server.unref();
  return () => new Promise((closed) => server.close(() => closed()));
}

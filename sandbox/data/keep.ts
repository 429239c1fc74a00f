/** A folder as what an API server goes on from. */
import type { KeptCluster } from "../apiserver/server.ts";
import { openFolder } from "./folder.ts";
import { type JournalOptions, openJournal } from "./journal.ts";

export interface Keeping {
  readonly kept: KeptCluster;
  /** After the last write. */
  close(): Promise<void>;
}

const AUTHORITY = "authority.json";

/** Opens the folder of `--data`. Throws FolderRefused when it is in use, somebody else's or damaged. */
export async function keepIn(name: string, options: JournalOptions = {}): Promise<Keeping> {
  const folder = await openFolder(name);
  const journal = openJournal(folder, options);
  const authority = folder.read(AUTHORITY);
  return {
    kept: {
      journal,
      secret: folder.secret,
      authority: authority === undefined ? undefined : JSON.parse(authority),
      keepAuthority: ({ certificate, key }) => folder.write(AUTHORITY, `${JSON.stringify({ certificate, key })}\n`),
    },
    async close() {
      await journal.close();
      await folder.close();
    },
  };
}

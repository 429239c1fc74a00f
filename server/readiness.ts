/** How far a server has come. */
export interface Progress {
  /** A signal to stop has come. */
  readonly stopping: boolean;
  /** When the serving certificate ends; undefined until there is one. */
  readonly notAfter: Date | undefined;
  /** Every cache has its first list. */
  readonly hasIndex: boolean;
  /** The API server was told whom to trust. */
  readonly published: boolean;
}

/** Why nobody should call this server now; undefined when it is ready. */
export function notReady({ stopping, notAfter, hasIndex, published }: Progress, now: Date): string | undefined {
  if (stopping) {
    return "going down";
  }
  if (notAfter === undefined) {
    return "there is no certificate yet: the API server does not answer, or the files are not there";
  }
  if (now >= notAfter) {
    return `the serving certificate has expired at ${notAfter.toISOString()}`;
  }
  if (!hasIndex) {
    return "the cache of canaries is not complete yet";
  }
  return published ? undefined : "the authority is not published yet";
}

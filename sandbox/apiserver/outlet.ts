import type { ServerResponse } from "node:http";

/** A watcher that reads so slowly that this much waits for it is cut off; it can start over. */
const largestBacklog = 64 * 1024 * 1024;

/** Events that follow one another more quickly than this leave together. */
const gatherMs = 20;

/** Of what waits, so much leaves at a time: each connection holds it once more, encrypted. */
const largestBatch = 256 * 1024;

/**
 * Where the lines of a stream leave: at once when it was quiet before, gathered when they come thick and fast, and never
 * before the reader has taken what was sent last. What waits are lines that all watchers share, so a slow reader costs
 * little more than a place in the queue.
 */
export class Outlet {
  readonly #response: ServerResponse;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** Lines were sent a moment ago: the next ones wait for the pace. */
  #paced = false;
  #sending = false;
  #held = false;
  #ended = false;
  #then: (() => void) | undefined;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  send(line: Buffer): void {
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
    if (!this.#paced) this.#flush();
    if (this.#waitingBytes > largestBacklog && !this.#held) this.#response.destroy();
  }

  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.#flush();
    this.#then?.();
  }

  /** Calls back at once, or when the outlet is no longer held: a held stream does not tell its end either. */
  whenFree(then: () => void): void {
    if (this.#held) this.#then = then;
    else then();
  }

  /** What waits is still sent, unless the outlet is held. */
  end(): void {
    this.#ended = true;
    if (!this.#held && !this.#response.destroyed) {
      for (const batch of batchesOf(this.#waiting)) writeChunk(this.#response, batch);
    }
    this.#waiting = [];
    this.#response.end();
  }

  #flush(): void {
    if (this.#held || this.#sending || this.#ended || this.#waiting.length === 0) return;
    const batch = gathered(this.#waiting);
    this.#waiting = this.#waiting.length === batch.lines.length ? [] : this.#waiting.slice(batch.lines.length);
    this.#waitingBytes -= batch.size;
    this.#sending = true;
    writeChunk(this.#response, batch.bytes, () => {
      this.#sending = false;
      if (!this.#paced) this.#flush();
    });
    if (this.#paced) return;
    this.#paced = true;
    pace(this.#turn);
  }

  readonly #turn = (): void => {
    this.#paced = false;
    this.#flush();
  };
}

/**
 * The answer's own `write` would frame the chunk for each watcher anew, and have head, lines and tail copied together for
 * each: of everything a watch costs, that was the greater half.
 */
function writeChunk(response: ServerResponse, chunk: Buffer, done?: () => void): void {
  // Behind another request on the same connection there is none yet: such a watcher has to come again, rather than miss events.
  if (response.socket === null) response.destroy();
  else response.socket.write(chunk, done);
}

interface Batch {
  readonly lines: readonly Buffer[];
  /** Of the lines. */
  readonly size: number;
  /** The lines as a chunk of HTTP/1.1. */
  readonly bytes: Buffer;
}

const chunkEnd = Buffer.from("\r\n");

/** The batch that was made last: watchers of the same objects have the same lines waiting, and take their turns together. */
let latest: Batch | undefined;

/** The first of the lines as one piece. */
function gathered(waiting: readonly Buffer[]): Batch {
  let [count, size] = [0, 0];
  while (count < waiting.length && (count === 0 || size + (waiting[count] as Buffer).length <= largestBatch)) {
    size += (waiting[count] as Buffer).length;
    count += 1;
  }
  if (latest?.lines.length === count && latest.lines.every((line, index) => line === waiting[index])) return latest;
  const lines = waiting.slice(0, count);
  latest = { lines, size, bytes: Buffer.concat([Buffer.from(`${size.toString(16)}\r\n`), ...lines, chunkEnd]) };
  return latest;
}

function* batchesOf(lines: readonly Buffer[]): Iterable<Buffer> {
  for (let at = 0; at < lines.length; ) {
    const batch = gathered(lines.slice(at));
    yield batch.bytes;
    at += batch.lines.length;
  }
}

let turns: (() => void)[] = [];

/** Calls back at the next beat, which is the same for all that wait for it. */
function pace(turn: () => void): void {
  turns.push(turn);
  if (turns.length > 1) return;
  setTimeout(() => {
    const due = turns;
    turns = [];
    for (const each of due) each();
  }, gatherMs);
}

import { WeirError } from "../../api/errors.ts";

// The API server takes objects of 3 MB at most; JSON of one event with managedFields stays far below this.
const LONGEST_LINE_BYTES = 32 * 1024 * 1024;

/**
 * Cuts a stream into its JSON lines. Works on bytes, for a chunk may end in the middle of a character; a line that is
 * too long or no JSON fails with `api.protocol`. What follows the last line break is dropped: a connection that broke
 * there never finished saying it.
 */
export async function* readJsonLines(
  chunks: AsyncIterable<Buffer>,
  longestLineBytes = LONGEST_LINE_BYTES,
): AsyncGenerator<unknown> {
  let rest: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      rest.push(chunk.subarray(from, end));
      const line = Buffer.concat(rest).toString("utf8").trim();
      rest = [];
      size = 0;
      from = end + 1;
      if (line !== "") yield parse(line);
    }
    rest.push(chunk.subarray(from));
    size += chunk.length - from;
    if (size > longestLineBytes) {
      throw new WeirError("api.protocol", "retry", `a watch sent a line of more than ${longestLineBytes} bytes`);
    }
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new WeirError("api.protocol", "retry", `a watch sent a line that is not JSON: ${line.slice(0, 100)}`, {
      cause,
    });
  }
}

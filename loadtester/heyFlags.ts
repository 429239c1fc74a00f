import { parseDuration } from "./duration.ts";

/** A load test, as the command line of hey describes it. */
export interface LoadPlan {
  readonly url: URL;
  readonly method: string;
  /** By their names as written. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string | undefined;
  /** Read the body from here. */
  readonly bodyFile: string | undefined;
  readonly workers: number;
  /** Per worker; 0 is as fast as it goes. */
  readonly requestsPerSecond: number;
  readonly stop:
    | { readonly kind: "after"; readonly ms: number }
    | { readonly kind: "count"; readonly requests: number };
  /** Seconds; 0 is for ever. */
  readonly timeoutSeconds: number;
}

export const USAGE = `usage: hey [flags] <url>   (a stand-in for the load generator hey)

  -n <number>    requests to send (default 200)
  -z <duration>  send for this long instead, such as 1m30s
  -c <number>    workers (default 50)
  -q <number>    requests per second and worker (default: no limit)
  -m <method>    HTTP method (default GET)
  -H <header>    a header, such as 'Accept: text/html'; may be repeated
  -host <name>   Host header
  -d <text>      body        -D <file>  body from a file
  -T <type>      Content-Type (default text/html)
  -t <seconds>   timeout of one request (default 20)
  -a <user:pw>   basic authentication
`;

const WITH_VALUE = new Set(["n", "z", "c", "q", "m", "H", "host", "d", "D", "T", "t", "a", "A", "U", "o", "x", "cpus"]);
const WITHOUT_VALUE = new Set(["h2", "disable-compression", "disable-keepalive", "disable-redirects"]);

/** The plan, or the sentence that says what is wrong with the command line. */
export function parseHeyFlags(args: readonly string[]): LoadPlan | { readonly problem: string } {
  const values = new Map<string, string>();
  const headers = new Map<string, string>();
  const rest: string[] = [];
  for (let index = 0; index < args.length; index += 1) {
    const text = args[index] ?? "";
    const match = /^--?([A-Za-z][\w-]*)(?:=(.*))?$/s.exec(text);
    const name = match?.[1] ?? "";
    if (match === null) rest.push(text);
    else if (WITH_VALUE.has(name)) {
      const value = match[2] ?? args[++index];
      if (value === undefined) return { problem: `flag -${name} needs a value` };
      if (name !== "H") values.set(name, value);
      else if (!addHeader(headers, value)) return { problem: `-H ${value}: not a header such as 'Name: value'` };
    } else if (!WITHOUT_VALUE.has(name)) return { problem: `unknown flag ${text}` };
  }
  const url = URL.parse(rest[0] ?? "");
  if (rest.length !== 1 || url === null || !/^https?:$/.test(url.protocol)) {
    return { problem: `expected one http:// or https:// URL, got ${JSON.stringify(rest.join(" "))}` };
  }
  return planOf(url, values, headers);
}

function addHeader(headers: Map<string, string>, text: string): boolean {
  const match = /^([\w-]+):\s*(.*)$/s.exec(text);
  if (match === null || /[\r\n]/.test(text)) return false;
  headers.set(match[1] ?? "", match[2] ?? "");
  return true;
}

function planOf(
  url: URL,
  values: ReadonlyMap<string, string>,
  headers: Map<string, string>,
): LoadPlan | { readonly problem: string } {
  const number = (name: string, otherwise: number): number => Number(values.get(name) ?? otherwise);
  const workers = number("c", 50);
  const requests = number("n", 200);
  const requestsPerSecond = number("q", 0);
  const timeoutSeconds = number("t", 20);
  const duration = values.get("z");
  const ms = duration === undefined ? undefined : parseDuration(duration);
  if (duration !== undefined && ms === undefined) return { problem: `-z ${duration}: not a duration such as 1m30s` };
  if (!(workers >= 1) || !(requests >= 1) || !(requestsPerSecond >= 0) || !(timeoutSeconds >= 0)) {
    return { problem: "-n and -c must be at least 1, -q and -t not negative" };
  }
  if (ms === undefined && requests < workers) return { problem: "-n must not be less than -c" };
  const host = values.get("host");
  if (host !== undefined) headers.set("Host", host);
  const login = values.get("a");
  if (login !== undefined) headers.set("Authorization", `Basic ${Buffer.from(login).toString("base64")}`);
  const accept = values.get("A");
  if (accept !== undefined) headers.set("Accept", accept);
  const has = (name: string): boolean => [...headers.keys()].some((key) => key.toLowerCase() === name);
  if (!has("content-type")) headers.set("Content-Type", values.get("T") ?? "text/html");
  if (!has("user-agent")) headers.set("User-Agent", values.get("U") ?? "hey/0.0.1");
  return {
    url,
    method: (values.get("m") ?? "GET").toUpperCase(),
    headers,
    body: values.get("d"),
    bodyFile: values.get("D"),
    workers: Math.floor(workers),
    requestsPerSecond: requestsPerSecond,
    stop: ms === undefined ? { kind: "count", requests: Math.floor(requests) } : { kind: "after", ms },
    timeoutSeconds,
  };
}

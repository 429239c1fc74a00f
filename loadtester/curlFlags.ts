/** One request, as the command line of curl describes it. */
export interface Fetch {
  readonly url: URL;
  readonly method: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string | undefined;
  readonly silent: boolean;
  readonly showError: boolean;
  /** Exit 22 on a status of 400 and above. */
  readonly fail: boolean;
  readonly insecure: boolean;
  readonly follow: boolean;
  readonly includeHeaders: boolean;
  readonly outputFile: string | undefined;
  readonly writeOut: string | undefined;
  /** 0 is for ever. */
  readonly maxSeconds: number;
}

export const USAGE = `usage: curl [flags] <url>   (a stand-in for curl)

  -s -S           silent; but show errors     -f  fail with exit code 22 on a status of 400 and above
  -d <data>       send this (POST); @file reads a file, @- standard input
  -H <header>     a header; may be repeated   -X <method>  HTTP method
  -o <file>       write the answer there      -w <text>    print this afterwards, such as %{http_code}
  -i              print headers too           -I           ask for headers only
  -L              follow redirects            -k           don't check certificates
  -m <seconds>    limit for all of it         -u <user:pw> basic authentication
`;

const LONG: Readonly<Record<string, string>> = {
  silent: "s",
  "show-error": "S",
  fail: "f",
  data: "d",
  "data-raw": "d",
  header: "H",
  request: "X",
  output: "o",
  "write-out": "w",
  include: "i",
  head: "I",
  location: "L",
  insecure: "k",
  "max-time": "m",
  user: "u",
  "user-agent": "A",
  "connect-timeout": "connect-timeout",
};
const WITH_VALUE = new Set(["d", "H", "X", "o", "w", "m", "u", "A", "connect-timeout"]);
const WITHOUT_VALUE = new Set(["s", "S", "f", "i", "I", "L", "k", "g", "v", "N"]);

interface Parsed {
  readonly switches: Set<string>;
  readonly values: Map<string, string[]>;
  readonly rest: string[];
}

/** The request, or the sentence that says what is wrong. `readData` reads what `@file` names. */
export function parseCurlFlags(
  args: readonly string[],
  readData: (file: string) => string,
): Fetch | { readonly problem: string } {
  const parsed: Parsed = { switches: new Set(), values: new Map(), rest: [] };
  for (let index = 0; index < args.length; ) {
    const taken = takeFlag(parsed, args, index);
    if (typeof taken === "string") return { problem: taken };
    index += taken;
  }
  const { switches, values, rest } = parsed;
  const target = rest[0] ?? "";
  const url = URL.parse(/^[a-z]+:\/\//i.test(target) ? target : `http://${target}`);
  if (rest.length !== 1 || url === null || !/^https?:$/.test(url.protocol)) {
    return { problem: `expected one http:// or https:// URL, got ${JSON.stringify(rest.join(" "))}` };
  }
  const data = values.get("d")?.map((text) => (text.startsWith("@") ? readData(text.slice(1)) : text));
  const body = data?.join("&");
  const implied = switches.has("I") ? "HEAD" : body === undefined ? "GET" : "POST";
  return {
    url,
    method: values.get("X")?.at(-1) ?? implied,
    headers: headersOf(values, body !== undefined),
    body,
    silent: switches.has("s"),
    showError: switches.has("S"),
    fail: switches.has("f"),
    insecure: switches.has("k"),
    follow: switches.has("L"),
    includeHeaders: switches.has("i") || switches.has("I"),
    outputFile: values.get("o")?.at(-1),
    writeOut: values.get("w")?.at(-1),
    maxSeconds: Number(values.get("m")?.at(-1) ?? 0) || 0,
  };
}

/** Takes the argument at `index` and its value; the answer is how many were taken, or what is wrong. */
function takeFlag({ switches, values, rest }: Parsed, args: readonly string[], index: number): number | string {
  const text = args[index] ?? "";
  const keep = (flag: string, value: string): void => void values.set(flag, [...(values.get(flag) ?? []), value]);
  if (text.startsWith("--")) {
    const flag = LONG[text.slice(2)];
    if (flag === undefined) return `unknown flag ${text}`;
    if (!WITH_VALUE.has(flag)) {
      switches.add(flag);
      return 1;
    }
    const value = args[index + 1];
    if (value === undefined) return `${text} needs a value`;
    keep(flag, value);
    return 2;
  }
  if (!text.startsWith("-") || text === "-") {
    rest.push(text);
    return 1;
  }
  for (let at = 1; at < text.length; at += 1) {
    const flag = text.charAt(at);
    if (WITH_VALUE.has(flag)) {
      const glued = text.slice(at + 1);
      const value = glued === "" ? args[index + 1] : glued;
      if (value === undefined) return `-${flag} needs a value`;
      keep(flag, value);
      return glued === "" ? 2 : 1;
    }
    if (!WITHOUT_VALUE.has(flag)) return `unknown flag -${flag}`;
    switches.add(flag);
  }
  return 1;
}

function headersOf(values: ReadonlyMap<string, string[]>, hasBody: boolean): (readonly [string, string])[] {
  const headers = new Map<string, readonly [string, string]>();
  const set = (name: string, value: string): void => void headers.set(name.toLowerCase(), [name, value]);
  set("User-Agent", values.get("A")?.at(-1) ?? "curl/0.0.1");
  set("Accept", "*/*");
  if (hasBody) set("Content-Type", "application/x-www-form-urlencoded");
  const login = values.get("u")?.at(-1);
  if (login !== undefined) set("Authorization", `Basic ${Buffer.from(login).toString("base64")}`);
  for (const header of values.get("H") ?? []) {
    const colon = header.indexOf(":");
    if (colon <= 0) continue;
    const value = header.slice(colon + 1).trim();
    // `-H 'Name:'` takes a header away.
    if (value === "") headers.delete(header.slice(0, colon).toLowerCase());
    else set(header.slice(0, colon), value);
  }
  return [...headers.values()];
}

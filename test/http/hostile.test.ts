/** Malformed and hostile requests by the thousand, made from a seed. `WEIR_HOSTILE_BODIES=200000` for the long run. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { gzipSync } from "node:zlib";
import { createLogger } from "../../controller/kube/log.ts";
import { createApp } from "../../server/app.ts";
import { closeNow } from "../../server/drain.ts";
import { listen } from "../../server/listen.ts";
import { createMetrics } from "../../server/metrics.ts";
import { routes } from "../../server/routes.ts";
import { aCanary, aDeployment, anIndex } from "../unit/mutators/builders.ts";

const count = Number(process.env["WEIR_HOSTILE_BODIES"] ?? 3_000);
const seed = Number(process.env["WEIR_SEED"] ?? Date.now() % 2 ** 31);
const atOnce = 8;
/** What a caller may be told: answered, or one of the documented errors. 500 is never right, whatever was sent. */
const documented = new Set([200, 400, 404, 405, 413, 415]);

let server: Server;
let port: number;
const thrown: string[] = [];
before(async () => {
  const app = createApp({
    routes,
    index: () => anIndex([aCanary()]),
    log: createLogger({ level: "error", write: (line) => void thrown.push(line) }),
    metrics: createMetrics(),
    mostInFlight: 200,
    draining: () => false,
  });
  server = createServer(app);
  port = await listen(server, "127.0.0.1", 0, "--port");
});
after(() => closeNow(server));

/** Numbers in [0, 1) that follow from the seed alone. */
function randomFrom(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
const random = randomFrom(seed);
const below = (limit: number) => Math.floor(random() * limit);
const oneOf = <T>(items: readonly T[]): T => items[below(items.length)] as T;

const wrongValues: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1e308,
  2 ** 53,
  "",
  "x".repeat(5_000),
  "\u0000\ud800",
  [],
  [[]],
  [null],
  {},
  { a: { b: [] } },
  ["__proto__"],
];
const kinds = [
  { group: "apps", version: "v1", kind: "Deployment" },
  { group: "flagger.app", version: "v1beta1", kind: "Canary" },
  { group: "flagger.app", version: "v1alpha3", kind: "MetricTemplate" },
  { group: "gateway.networking.k8s.io", version: "v1", kind: "HTTPRoute" },
];

function review(): { request: Record<string, unknown> } & Record<string, unknown> {
  const kind = oneOf(kinds);
  const object = () =>
    structuredClone(oneOf<unknown>([aDeployment({ image: "podinfo:2" }), aDeployment(), aCanary(), null]));
  return {
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: "7",
      kind,
      name: "podinfo",
      namespace: "demo",
      operation: oneOf(["CREATE", "UPDATE", "DELETE", "CONNECT"]),
      userInfo: { username: "jane", groups: [] },
      object: object(),
      oldObject: object(),
      dryRun: false,
    },
  };
}

/** Puts a value of the wrong type somewhere into a tree, at any depth. */
function spoil(tree: Record<string, unknown>): void {
  let at = tree;
  for (;;) {
    const key = oneOf(Object.keys(at));
    const next = at[key];
    if (next === null || typeof next !== "object" || Object.keys(next).length === 0 || random() < 0.15) {
      at[key] = structuredClone(oneOf(wrongValues));
      return;
    }
    at = next as Record<string, unknown>;
  }
}

/** Each way of being wrong: a body, and what is said of it. */
const makers: Readonly<Record<string, () => { body: string | Buffer; headers?: Record<string, string> }>> = {
  spoiled() {
    const tree = review();
    for (let times = 1 + below(3); times > 0; times -= 1) spoil(tree);
    return { body: JSON.stringify(tree) };
  },
  truncated() {
    const text = JSON.stringify(review());
    return { body: text.slice(0, below(text.length)) };
  },
  deep() {
    const depth = 1 + below(20_000);
    const [open, close] = oneOf([
      ["[", "]"],
      ['{"a":', "}"],
    ] as const);
    const nested = open.repeat(depth) + (open === "[" ? "" : "1") + close.repeat(depth);
    return { body: random() < 0.5 ? nested : JSON.stringify(review()).replace('"name":"podinfo"', `"name":${nested}`) };
  },
  numbers: () => ({
    body: JSON.stringify(review()).replace(
      /:\d+/g,
      () => `:${oneOf(["1e999", "-1e999", "9".repeat(400), "0.1e-400"])}`,
    ),
  }),
  prototype: () => ({
    body: JSON.stringify(review()).replace(
      /"(metadata|spec|labels|request)":\{/g,
      (text) => `${text}"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},`,
    ),
  }),
  noise: () => ({ body: Buffer.from(Array.from({ length: below(400) }, () => below(256))) }),
  notAReview: () => ({ body: JSON.stringify(oneOf(wrongValues)) }),
  gzipped: () => ({ body: gzipSync(JSON.stringify(review())), headers: { "content-encoding": "gzip" } }),
  wrongType: () => ({
    body: JSON.stringify(review()),
    headers: { "content-type": oneOf(["text/plain", "application/yaml", "", "application/json-patch+json", "a;;=/"]) },
  }),
  tooLong: () => ({ body: JSON.stringify(review()), headers: { "content-length": oneOf(["9999999999", "100000"]) } }),
  tooShort: () => ({ body: JSON.stringify(review()), headers: { "content-length": "5" } }),
  noLength: () => ({ body: JSON.stringify(review()), headers: { "content-length": oneOf(["-1", "abc", "1e3"]) } }),
};

/** Sends by hand, for no client lies about its length; resolves with the first status, or 0 when the connection just ended. */
function send(
  path: string,
  { body, headers = {} }: ReturnType<(typeof makers)[string]>,
  slowly: boolean,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const bytes = Buffer.from(body);
    const all = {
      host: "weir",
      "content-type": "application/json",
      "content-length": String(bytes.length),
      connection: "close",
      ...headers,
    };
    const head = Object.entries(all)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join("");
    const socket = connect(port, "127.0.0.1");
    let answer = "";
    const start = `${oneOf(["POST", "POST", "POST", "PUT"])} ${path} HTTP/1.1\r\n${head}\r\n`;
    socket.on("data", (chunk) => (answer += chunk.toString("latin1")));
    // What is refused early may be cut off while it is still being sent.
    socket.on(
      "error",
      (error: NodeJS.ErrnoException) => error.code === "EPIPE" || error.code === "ECONNRESET" || reject(error),
    );
    socket.on("close", () => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0)));
    socket.write(start);
    if (slowly) {
      const half = bytes.length >> 1;
      socket.write(bytes.subarray(0, half), () => setImmediate(() => socket.end(bytes.subarray(half))));
    } else {
      socket.end(bytes);
    }
  });
}

/** Heap in use once all that is garbage is gone. */
function heapMb(): number {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  collect();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

test(`${count} malformed or hostile requests of seed ${seed}: no crash, no error of ours, memory flat`, async (t) => {
  const names = Object.keys(makers);
  const paths = [...routes.keys(), "/", "/mutate/../x"];
  const statuses: Record<string, number> = {};
  const run = async (requests: number) => {
    let left = requests;
    const caller = async () => {
      while (left > 0) {
        left -= 1;
        const status = await send(oneOf(paths), (makers[oneOf(names)] ?? assert.fail)(), random() < 0.1);
        statuses[status] = (statuses[status] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: atOnce }, caller));
  };
  const first = Math.ceil(count / 5);
  await run(first);
  const early = heapMb();
  await run(count - first);
  const late = heapMb();
  t.diagnostic(JSON.stringify({ statuses, heapMbEarly: Math.round(early), heapMbLate: Math.round(late) }));
  assert.deepEqual(thrown, [], "nothing was thrown inside");
  assert.deepEqual(
    Object.keys(statuses)
      .map(Number)
      .filter((status) => status !== 0 && !documented.has(status)),
    [],
  );
  assert.equal(
    Object.values(statuses).reduce((sum, each) => sum + each, 0),
    count,
    "every request came to an end",
  );
  assert.ok((statuses[200] ?? 0) > count / 20 && (statuses[400] ?? 0) > count / 20, "both sides of the line were met");
  assert.equal(({} as { polluted?: unknown }).polluted, undefined);
  assert.ok(late < early + 15, `heap grew from ${early} to ${late} MB`);
});

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { request } from "undici";
import { type Labels, labelKey, printExposition } from "../../sandbox/metrics/exposition.ts";
import { findPrometheus, type PrometheusProcess, startPrometheus } from "../../sandbox/metrics/prometheus.ts";
import { handleQueries } from "../../sandbox/metrics/queryApi.ts";
import { createSampleStore } from "../../sandbox/metrics/sampleStore.ts";
import { type Listening, listen } from "../../sandbox/network/entryPoint.ts";
import { readings, SPAN } from "./promqlData.ts";
import { AGREED, REFUSED, UNSUPPORTED } from "./promqlQueries.ts";

interface Answer {
  status: string;
  errorType?: string;
  error?: string;
  data?: { resultType: string; result: unknown };
}

interface Series {
  metric: Labels;
  value?: [number, string];
  values?: [number, string][];
}

const program = findPrometheus(process.env["PATH"] ?? "");
const skip =
  program === undefined &&
  "THE PROGRAM prometheus IS NOT INSTALLED: the embedded store is compared with nothing. Debian: apt-get install prometheus";

/** Within what Prometheus keeps, on a full second. */
const start = Math.floor(Date.now() / 1000) * 1000 - 20 * 60_000;
/** Never within a reading's jitter, where versions of Prometheus differ about the edge of a range. */
const instants = [150.5, 223.25, SPAN + 0.5].map((seconds) => (start + seconds * 1000) / 1000);

let embedded: Listening;
let folder: string;
let prometheus: PrometheusProcess | undefined;

before(async () => {
  const data = readings(start);
  const store = createSampleStore(60 * 60_000);
  // Every series is its own source here: none ends because another was not in the same scrape.
  for (const { labels, time, value } of data) store.append(labelKey(labels), [{ labels, value }], time);
  embedded = await listen(handleQueries(store, Date.now));
  folder = await mkdtemp(join(tmpdir(), "weir-promql-"));
  if (program === undefined) return;
  const page = data.map(
    ({ labels, time, value }) => `${printExposition([{ labels, value }]).trimEnd()} ${time / 1000}\n`,
  );
  await writeFile(join(folder, "readings.txt"), `${page.join("")}# EOF\n`);
  const backfill = ["tsdb", "create-blocks-from", "openmetrics", join(folder, "readings.txt"), join(folder, "data")];
  await promisify(execFile)(join(program, "..", "promtool"), backfill, { timeout: 20_000 });
  const nothing = { port: embedded.port, path: "/nothing", intervalMs: 60_000 };
  prometheus = await startPrometheus(program, folder, nothing, AbortSignal.timeout(60_000));
});

after(async () => {
  await prometheus?.stop();
  await embedded.close();
  await rm(folder, { recursive: true, force: true });
});

async function ask(port: number, query: string, time: number): Promise<Answer> {
  const body = new URLSearchParams({ query, time: String(time) }).toString();
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const answer = await request(`http://127.0.0.1:${port}/api/v1/query`, { method: "POST", headers, body });
  return (await answer.body.json()) as Answer;
}

/** Results in one order, with numbers as numbers. */
function normal(data: Answer["data"]): unknown {
  if (!Array.isArray(data?.result) || data.resultType === "scalar" || data.resultType === "string") return data;
  const series = data.result as Series[];
  return [...series].sort((a, b) => (labelKey(a.metric) < labelKey(b.metric) ? -1 : 1));
}

/** Equal, but for the last digits of numbers. */
function assertClose(actual: unknown, expected: unknown, path: string): void {
  if (typeof expected === "string" && typeof actual === "string") {
    const [a, b] = [Number(actual), Number(expected)];
    const near = Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b));
    assert.ok(actual === expected || near, `${path}: embedded ${actual}, Prometheus ${expected}`);
  } else if (typeof expected === "object" && expected !== null && typeof actual === "object" && actual !== null) {
    assert.deepEqual(Object.keys(actual).sort(), Object.keys(expected).sort(), path);
    for (const [key, value] of Object.entries(expected))
      assertClose((actual as Record<string, unknown>)[key], value, `${path}.${key}`);
  } else assert.deepEqual(actual, expected, path);
}

describe("the embedded store and Prometheus agree on", { skip }, () => {
  for (const [subject, queries] of Object.entries(AGREED)) {
    for (const query of queries) {
      test(`${subject}: ${query.replaceAll(/\s+/g, " ")}`, async () => {
        for (const time of instants) {
          const [mine, real] = await Promise.all([
            ask(embedded.port, query, time),
            ask(prometheus?.port ?? 0, query, time),
          ]);
          assert.equal(real.status, "success", real.error);
          assert.equal(mine.status, "success", mine.error);
          assert.equal(mine.data?.resultType, real.data?.resultType);
          if (subject.startsWith("the "))
            assert.notDeepEqual(real.data?.result, [], "an empty answer compares nothing");
          assertClose(normal(mine.data), normal(real.data), `at ${time}`);
        }
      });
    }
  }
  for (const query of REFUSED) {
    test(`what is wrong: ${JSON.stringify(query)}`, async () => {
      const time = instants[1] ?? 0;
      const [mine, real] = await Promise.all([
        ask(embedded.port, query, time),
        ask(prometheus?.port ?? 0, query, time),
      ]);
      assert.deepEqual([mine.status, mine.errorType], [real.status, real.errorType], `${mine.error} | ${real.error}`);
    });
  }
});

describe("the embedded store refuses by name", () => {
  for (const [query, expected] of Object.entries(UNSUPPORTED)) {
    test(query, async () => {
      const answer = await ask(embedded.port, query, instants[0] ?? 0);
      assert.equal(answer.errorType, "bad_data");
      assert.match(answer.error ?? "", expected);
    });
  }
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseExposition, parseValue, printExposition, printValue } from "../../../sandbox/metrics/exposition.ts";
import { evaluate } from "../../../sandbox/metrics/promql/evaluate.ts";
import { parseQuery } from "../../../sandbox/metrics/promql/parser.ts";
import { printResult } from "../../../sandbox/metrics/queryApi.ts";
import { createSampleStore, type SampleStore } from "../../../sandbox/metrics/sampleStore.ts";

/** One scrape a second, of a counter that grows by `step` each time. */
function counting(step: number, seconds: number, first = 0): SampleStore {
  const store = createSampleStore();
  for (let second = 0; second < seconds; second++) {
    store.append(
      "pod",
      [{ labels: { __name__: "requests_total", code: "200" }, value: first + second * step }],
      second * 1000 + 1000,
    );
  }
  return store;
}

function ask(store: SampleStore, query: string, seconds: number): unknown {
  return printResult(evaluate(parseQuery(query), store, seconds * 1000), seconds * 1000).result;
}

describe("queries", () => {
  test("a steady counter has its step as rate, also when the window reaches beyond its first point", () => {
    assert.deepEqual(ask(counting(10, 60), "rate(requests_total[30s])", 60.5), [
      { metric: { code: "200" }, value: [60.5, "10"] },
    ]);
    assert.deepEqual(ask(counting(10, 4), "increase(requests_total[1m])", 4), [
      { metric: { code: "200" }, value: [4, "30"] },
    ]);
  });

  test("a restart counts from 0 instead of backwards", () => {
    const store = createSampleStore();
    [100, 110, 5, 15].forEach((value, index) => {
      store.append("pod", [{ labels: { __name__: "requests_total" }, value }], (index + 1) * 1000);
    });
    assert.deepEqual(ask(store, "irate(requests_total[3s])", 4), [{ metric: {}, value: [4, "10"] }]);
    assert.deepEqual(ask(store, "increase(requests_total[3s])", 4), [{ metric: {}, value: [4, "22.5"] }]);
  });

  test("the 99th percentile is interpolated in its bucket", () => {
    const store = createSampleStore();
    const bucket = (le: string, value: number) => ({ labels: { __name__: "latency_bucket", le }, value });
    store.append("pod", [bucket("100", 90), bucket("200", 100), bucket("+Inf", 100)], 1000);
    assert.deepEqual(ask(store, "histogram_quantile(0.99, latency_bucket)", 1), [{ metric: {}, value: [1, "190"] }]);
  });

  test("a template may end its matchers with a comma and spread over lines", () => {
    assert.deepEqual(ask(counting(1, 9), 'sum(\nrate(\nrequests_total{\ncode!~"5.*",\n}[5s]\n)\n) by (code)', 9), [
      { metric: { code: "200" }, value: [9, "1"] },
    ]);
  });

  test("no data is an empty result, and nothing divided by nothing is NaN", () => {
    assert.deepEqual(ask(counting(1, 9), "sum(rate(other_total[5s]))", 9), []);
    assert.deepEqual(ask(counting(0, 9), "rate(requests_total[5s]) / rate(requests_total[5s])", 9), [
      { metric: { code: "200" }, value: [9, "NaN"] },
    ]);
  });

  test("deep nesting is refused, not a crash", () => {
    assert.throws(() => parseQuery("(".repeat(100_000)), /nested too deeply/);
    assert.throws(() => parseQuery("-".repeat(100_000)), /nested too deeply/);
  });

  test("names of Object's own properties are no functions", () => {
    assert.throws(() => parseQuery("constructor(1)"), /function constructor not supported/);
    assert.throws(() => parseQuery("toString()"), /function toString not supported/);
  });
});

describe("the store", () => {
  test("a series ends when its target no longer has it", () => {
    const store = counting(1, 5);
    store.append("pod", [{ labels: { __name__: "other" }, value: 1 }], 6000);
    assert.deepEqual(ask(store, "requests_total", 5.5), [
      { metric: { __name__: "requests_total", code: "200" }, value: [5.5, "4"] },
    ]);
    assert.deepEqual(ask(store, "requests_total", 6), []);
  });

  test("a value is found for five minutes and not longer", () => {
    const store = counting(1, 1);
    assert.equal((ask(store, "requests_total", 300.9) as unknown[]).length, 1);
    assert.equal((ask(store, "requests_total", 301) as unknown[]).length, 0);
  });

  test("what is older than the retention is forgotten, series and all", () => {
    const store = createSampleStore(60_000);
    store.append("old", [{ labels: { __name__: "old" }, value: 1 }], 1000);
    store.append("new", [{ labels: { __name__: "new" }, value: 1 }], 100_000);
    assert.equal(store.seriesCount, 1);
  });
});

describe("the text format", () => {
  test("what is printed is read back, with the strangest labels", () => {
    const samples = [
      { labels: { __name__: "a_total", path: 'C:\\x "y"\n{z="1"}, ', empty: "" }, value: 1.5 },
      { labels: { __name__: "b" }, value: Number.POSITIVE_INFINITY },
    ];
    assert.deepEqual(parseExposition(printExposition(samples)), samples);
  });

  test("comments, blanks, trailing commas, timestamps and numbers of any case are understood", () => {
    const page = '# HELP x y\n\n x{ a="1", } 3 1700000000000\r\ny 1e3\nz Nan\n';
    assert.deepEqual(parseExposition(page), [
      { labels: { __name__: "x", a: "1" }, value: 3 },
      { labels: { __name__: "y" }, value: 1000 },
      { labels: { __name__: "z" }, value: Number.NaN },
    ]);
  });

  for (const line of ["{a=1} 2", 'x{a="1" 2', "x", "x y", '<html lang="en">']) {
    test(`${line} is no sample`, () => assert.throws(() => parseExposition(line)));
  }

  for (const [value, text] of [
    [1e21, "1000000000000000000000"],
    [1.5e-7, "0.00000015"],
    [-2.5e22, "-25000000000000000000000"],
    [Number.NaN, "NaN"],
    [Number.NEGATIVE_INFINITY, "-Inf"],
    [0.1 + 0.2, "0.30000000000000004"],
  ] as const) {
    test(`${value} is written ${text}`, () => {
      assert.equal(printValue(value), text);
      assert.equal(parseValue(text), value);
    });
  }
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { CanaryMetric, MetricTemplate, MetricTemplateSpec } from "../../../api/index.ts";
import { type MeasureDeps, measure } from "../../../controller/analysis/measure.ts";
import { providersOnline } from "../../../controller/analysis/providersOnline.ts";
import { judgeMetric } from "../../../controller/decide/judge.ts";
import type { Reading } from "../../../controller/decide/types.ts";
import { aCanary } from "../aCanary.ts";
import { type FakeClock, fakeClock } from "../fakeClock.ts";
import { type Answer, type FaultyServer, faults, says, startFaultyServer } from "../hooks/faultyServer.ts";

const forever = new AbortController().signal;
const canary = aCanary().spec({ provider: "gatewayapi:v1" }).build();

/** What a Prometheus says: one series per value. */
function vector(...values: string[]): Answer {
  const result = values.map((value, index) => ({ metric: { series: String(index) }, value: [1, value] }));
  return says(200, JSON.stringify({ status: "success", data: { resultType: "vector", result } }));
}

interface Run {
  readonly server: FaultyServer;
  readonly clock: FakeClock;
  readonly deps: MeasureDeps;
  readonly queries: () => readonly string[];
}

async function against(answers: readonly Answer[], test: (run: Run) => Promise<void>): Promise<void> {
  const server = await startFaultyServer(...answers);
  const clock = fakeClock();
  const templates: Record<string, Partial<MetricTemplateSpec["provider"]> & { query?: string }> = {
    plain: {},
    token: { secretRef: { name: "good" }, headers: { "x-scope": ["a", "b"] } },
    noSecret: { secretRef: { name: "none" } },
    half: { secretRef: { name: "half" } },
    badAddress: { address: "prometheus:9090" },
    badQuery: { query: "{{ nope }}" },
    variable: { query: 'errors{path="{{ variables.path }}"}' },
    other: { type: "datadog" },
  };
  const template = (namespace: string, name: string): MetricTemplate | undefined => {
    const { query = 'up{ns="{{ namespace }}"}[{{ interval }}]', ...provider } = templates[name] ?? {};
    return name in templates
      ? {
          apiVersion: "flagger.app/v1beta1",
          kind: "MetricTemplate",
          metadata: { name, namespace },
          spec: { provider: { type: "prometheus", address: `${server.url}/prom/`, ...provider }, query },
        }
      : undefined;
  };
  const secrets: Record<string, Record<string, string>> = { good: { token: "t0k" }, half: { username: "u" } };
  const deps: MeasureDeps = {
    dispatchers: server.dispatchers,
    clock,
    metricsServer: server.url,
    meshProvider: "istio",
    template,
    newestRevision: () => undefined,
    secret: async (_namespace, name) => secrets[name] ?? Promise.reject(new Error(`secrets "${name}" not found`)),
  };
  const queries = () => server.calls.map((call) => new URL(call.path, server.url).searchParams.get("query") ?? "");
  try {
    await test({ server, clock, deps, queries });
  } finally {
    await server.close();
  }
}

async function one(metric: CanaryMetric, { deps }: Run): Promise<Reading> {
  const [reading, ...more] = await measure(canary, metric, deps, forever);
  assert.ok(reading);
  assert.deepEqual(more, []);
  return reading;
}

const successRate = { name: "request-success-rate" };

describe("a built-in check", () => {
  it("of the success rate gives percent, of the duration whole milliseconds", () =>
    against([vector("99.5"), vector("0.1005")], async (run) => {
      const provider = "gatewayapi:v1";
      const percent = { source: "success-rate", provider, sample: { kind: "value", value: 99.5 } };
      assert.deepEqual(await one(successRate, run), percent);
      const ms = { source: "duration", provider, sample: { kind: "value", value: 100 } };
      assert.deepEqual(await one({ name: "request-duration" }, run), ms);
    }));

  it("tells that all requests failed from that none came", () =>
    against([vector(), vector("0.5")], async (run) => {
      assert.deepEqual((await one(successRate, run)).sample, { kind: "value", value: 0 });
    }));

  for (const [name, answers] of Object.entries({ "no series": [vector()], "0/0": [vector("NaN"), vector("0")] })) {
    it(`has no data for ${name}`, () =>
      against(answers, async (run) => {
        assert.deepEqual((await one(successRate, run)).sample, { kind: "noData", message: "no values found" });
      }));
  }

  it("says so when the Canary's own metricsServer is no URL", () =>
    against([], async ({ deps }) => {
      const odd = aCanary().spec({ metricsServer: "prometheus:9090" }).build();
      const [reading] = await measure(odd, successRate, deps, forever);
      const message =
        "Error building Prometheus client for prometheus:9090 prometheus address prometheus:9090 is not a valid URL";
      assert.deepEqual(reading?.sample, { kind: "failed", message });
    }));
});

describe("answers of a Prometheus", () => {
  const inline = { name: "errors", query: "sum(errors)" };
  const cases: Record<string, { answer: Answer; want: Reading["sample"] | RegExp }> = {
    "one value": { answer: vector("1.5"), want: { kind: "value", value: 1.5 } },
    "several series: the last": { answer: vector("1", "2"), want: { kind: "value", value: 2 } },
    infinity: { answer: vector("+Inf"), want: { kind: "value", value: Number.POSITIVE_INFINITY } },
    "a range": {
      answer: says(200, '{"data":{"result":[{"values":[[1,"2"]]}]}}'),
      want: /^Prometheus query failed for errors: query returned multiple values$/,
    },
    "a scalar": { answer: says(200, '{"data":{"result":[1,"2"]}}'), want: /did not answer with a list of series/ },
    "a page instead of JSON": {
      answer: says(200, "<html>login</html>"),
      want: /did not answer with a list of series: <html>login/,
    },
    "a word instead of a number": { answer: vector("many"), want: /answered with "many" instead of a number/ },
    "a refusal": {
      answer: says(422, '{"status":"error","error":"parse error"}'),
      want: /^Prometheus query failed for errors: error response: Status 422 Unprocessable Entity: \{.*parse error.*\}$/,
    },
    "a closed connection": {
      answer: faults.reset,
      want: /request failed: Get "http:.*\/api\/v1\/query": other side closed$/,
    },
    "more than anybody needs": {
      answer: (_call, response) => response.end("x".repeat(11 * 1024 * 1024)),
      want: /is larger than 10 MiB$/,
    },
  };
  for (const [name, { answer, want }] of Object.entries(cases)) {
    it(name, () =>
      against([answer], async (run) => {
        const { sample } = await one(inline, run);
        if (want instanceof RegExp) {
          assert.ok(sample.kind === "failed");
          assert.match(sample.message, want);
        } else {
          assert.deepEqual(sample, want);
        }
      }),
    );
  }

  it("that never come are given up after 5 s", () =>
    against([faults.hang], async (run) => {
      const reading = one(inline, run);
      await run.server.called(1);
      await run.clock.advance(5000);
      const { sample } = await reading;
      assert.match(sample.kind === "failed" ? sample.message : "", /no answer within 5s$/);
      assert.equal(run.clock.pending, 0);
    }));
});

describe("U-9: a metric", () => {
  it("with a template sends the rendered query to the template's address, with 1m where it is silent", () =>
    against([vector("3")], async (run) => {
      const reading = await one({ name: "errors", templateRef: { name: "plain" } }, run);
      assert.deepEqual(reading, { source: "template", provider: "prometheus", sample: { kind: "value", value: 3 } });
      assert.deepEqual(run.queries(), ['up{ns="demo"}[1m]']);
      assert.match(run.server.calls[0]?.path ?? "", /^\/prom\/api\/v1\/query\?/);
    }));

  it("with a template and variables passes within its range, and not outside of it", () =>
    against([vector("100"), vector("100.1")], async (run) => {
      const metric = {
        name: "errors",
        templateRef: { name: "variable" },
        templateVariables: { path: "/cart" },
        thresholdRange: { min: 0, max: 100 },
      };
      const verdict = async () => judgeMetric(canary, metric, { kind: "metric", readings: [await one(metric, run)] });
      assert.deepEqual(await verdict(), []);
      assert.deepEqual(await verdict(), ["Halt shop.demo advancement errors 100.10 > 100"]);
      assert.deepEqual(run.queries(), Array(2).fill('errors{path="/cart"}'));
    }));

  it("with a query of its own needs nothing else", () =>
    against([vector("1")], async (run) => {
      const { sample } = await one({ name: "errors", query: "sum(a)" }, run);
      assert.deepEqual(sample, { kind: "value", value: 1 });
    }));

  it("sends credentials of the Secret and headers of the template", () =>
    against([vector("3")], async (run) => {
      await one({ name: "errors", templateRef: { name: "token" } }, run);
      const { headers } = run.server.calls[0] ?? {};
      assert.equal(headers?.authorization, "Bearer t0k");
      assert.equal(headers?.["x-scope"], "a, b");
    }));

  it("does not show its credentials to a host that it is redirected to", () =>
    against([vector("3")], async ({ server: other }) =>
      against([says(307, "", { location: `${other.url}/stolen` })], async (run) => {
        const { sample } = await one({ name: "errors", templateRef: { name: "token" } }, run);
        assert.deepEqual(sample, { kind: "value", value: 3 });
        assert.equal(run.server.calls[0]?.headers.authorization, "Bearer t0k");
        assert.equal(other.calls[0]?.headers.authorization, undefined);
      }),
    ));

  it("is measured in every way it asks for, at once", () =>
    against([vector("1")], async ({ deps, server }) => {
      const metric = { ...successRate, query: "sum(a)", templateRef: { name: "plain", namespace: "ops" } };
      const readings = await measure(canary, metric, deps, forever);
      assert.deepEqual(
        readings.map(({ source }) => source),
        ["success-rate", "inline", "template"],
      );
      assert.equal(server.calls.length, 3);
    }));

  const problems: Record<string, { metric: CanaryMetric; want: string }> = {
    "nothing to ask": {
      metric: { name: "errors" },
      want: "Metric query failed for no usable metrics template and query were configured",
    },
    "a template that does not exist": {
      metric: { name: "errors", templateRef: { name: "gone", namespace: "ops" } },
      want: 'Metric template gone.ops error: metrictemplates.flagger.app "gone" not found',
    },
    "a Secret that does not exist": {
      metric: { name: "errors", templateRef: { name: "noSecret" } },
      want: 'Metric template noSecret.demo secret none error: secrets "none" not found',
    },
    "half a password": {
      metric: { name: "errors", templateRef: { name: "half" } },
      want: "Metric template half.demo provider prometheus error: prometheus credentials does not contain a password",
    },
    "an address without a scheme": {
      metric: { name: "errors", templateRef: { name: "badAddress" } },
      want: "Metric template badAddress.demo provider prometheus error: prometheus address prometheus:9090 is not a valid URL",
    },
    "a query that does not render": {
      metric: { name: "errors", templateRef: { name: "badQuery" } },
      want: 'Metric template badQuery.demo query render error: "nope" is not known (known: name, namespace, target, service, ingress, route, interval, variables.x)',
    },
    "a query of its own that does not render": {
      metric: { name: "errors", query: "{{ variables.a }}" },
      want: 'Prometheus query failed for errors: query render error: "variables.a" is not set: add a to templateVariables',
    },
    "a provider that we do not have": {
      metric: { name: "errors", templateRef: { name: "other" } },
      want: "Metric template other.demo provider datadog error: the type datadog is not supported yet",
    },
  };
  for (const [name, { metric, want }] of Object.entries(problems)) {
    it(`with ${name} says so in the known words, and asks nobody`, () =>
      against([vector("1")], async (run) => {
        assert.deepEqual((await one(metric, run)).sample, { kind: "failed", message: want });
        assert.equal(run.server.calls.length, 0);
      }));
  }
});

describe("U-9: whether providers can be asked", () => {
  const withMetrics = (...metrics: CanaryMetric[]) => aCanary().analysis({ metrics }).build();

  it("is asked once for all built-in checks and once per template, not for inline queries", () =>
    against([vector("1")], async ({ deps, queries }) => {
      const all = withMetrics(
        successRate,
        { name: "request-duration" },
        { name: "errors", templateRef: { name: "plain" } },
        { name: "inline", query: "sum(a)" },
      );
      assert.equal(await providersOnline(all, deps, forever), undefined);
      assert.deepEqual(queries(), ["vector(1)", "vector(1)"]);
    }));

  it("is asked of the Canary's own metricsServer, which helps where the common one cannot be reached", () =>
    against([vector("1")], async ({ deps, server }) => {
      const unreachable = { ...deps, metricsServer: "http://127.0.0.1:9" };
      const metrics = [successRate];
      assert.match(
        (await providersOnline(withMetrics(...metrics), unreachable, forever)) ?? "",
        /^prometheus not avaiable: /,
      );
      const own = aCanary().analysis({ metrics }).spec({ metricsServer: server.url }).build();
      assert.equal(await providersOnline(own, unreachable, forever), undefined);
    }));

  const cases: Record<string, { metric: CanaryMetric; answer: Answer; want: RegExp }> = {
    "the metrics server is broken": {
      metric: successRate,
      answer: says(503, "starting"),
      want: /^prometheus not avaiable: running query failed: error response: Status 503 Service Unavailable: starting$/,
    },
    "it cannot count": { metric: successRate, answer: vector("2"), want: /vector\(1\) should be 1 but is 2$/ },
    "a template's server is broken": {
      metric: { name: "errors", templateRef: { name: "plain" } },
      answer: faults.reset,
      want: /^prometheus in metric template plain\.demo not avaiable: /,
    },
    "a template is missing": {
      metric: { name: "errors", templateRef: { name: "gone" } },
      answer: vector("1"),
      want: /^metric template gone\.demo error: /,
    },
  };
  for (const [name, { metric, answer, want }] of Object.entries(cases)) {
    it(`says that ${name}`, () =>
      against([answer], async ({ deps }) => {
        assert.match((await providersOnline(withMetrics(metric), deps, forever)) ?? "", want);
      }));
  }
});

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { KubeObject } from "../../../sandbox/apiserver/types.ts";
import { attach } from "../../../sandbox/network/attachment.ts";
import { readHttpRoute } from "../../../sandbox/network/gatewayRoutes.ts";
import { changeHeaders, passOn } from "../../../sandbox/network/headers.ts";
import type { RequestFacts } from "../../../sandbox/network/model.ts";
import { locationOf, rewritePath } from "../../../sandbox/network/rewrite.ts";
import { createRouteTable, intersectHosts } from "../../../sandbox/network/routeTable.ts";
import { readTraefikRule } from "../../../sandbox/network/traefikRule.ts";
import { createWheel, createWheels } from "../../../sandbox/network/wheel.ts";

const trusting = { problem: () => undefined };

function facts(target: string, headers: Record<string, string> = {}, method = "GET"): RequestFacts {
  const url = new URL(target);
  return { host: url.hostname, path: url.pathname, query: url.search.slice(1), method, headers };
}

function httpRoute(name: string, rules: unknown[], created = "2026-01-01T00:00:00Z"): KubeObject {
  return {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name, namespace: "test", creationTimestamp: created },
    spec: { rules },
  };
}

/** A rule whose backend tells which one was taken. */
function rule(backend: string, ...matches: unknown[]): unknown {
  return { matches, backendRefs: [{ name: backend, port: 80 }] };
}

describe("which rule takes a request", () => {
  const table = createRouteTable(
    readHttpRoute(
      httpRoute("r", [
        rule("any"),
        rule("api", { path: { type: "PathPrefix", value: "/api" } }),
        rule("api-v2", { path: { type: "PathPrefix", value: "/api/v2/" } }),
        rule("exact", { path: { type: "Exact", value: "/api" } }),
        rule("insider", { headers: [{ name: "X-Canary", value: "insider" }] }),
        rule("sticky", {
          headers: [{ type: "RegularExpression", name: "Cookie", value: ".*flagger-cookie.*LpsIaLdoNZ.*" }],
        }),
        rule("post", { path: { value: "/api" }, method: "POST" }),
        rule("query", { queryParams: [{ name: "v", value: "2" }] }),
        rule("pattern", { path: { type: "RegularExpression", value: "/[a-z]+/[0-9]+" } }),
      ]),
      undefined,
      trusting,
    ),
  );
  const cases: [string, RequestFacts, string][] = [
    ["nothing special", facts("http://a/"), "any"],
    ["a prefix", facts("http://a/api/users"), "api"],
    ["a prefix ends at a path element", facts("http://a/apiary"), "any"],
    ["the longest prefix wins, with or without a slash at its end", facts("http://a/api/v2"), "api-v2"],
    ["an exact path wins over prefixes", facts("http://a/api"), "exact"],
    ["a header", facts("http://a/", { "x-canary": "insider" }), "insider"],
    ["another value of the header", facts("http://a/", { "x-canary": "insiders" }), "any"],
    ["a cookie among cookies", facts("http://a/", { cookie: "a=1; flagger-cookie=LpsIaLdoNZ; b=2" }), "sticky"],
    ["a method", facts("http://a/api/x", {}, "POST"), "post"],
    ["a query parameter", facts("http://a/?x=1&v=2"), "query"],
    ["a pattern matches the whole path", facts("http://a/user/17"), "pattern"],
    ["a pattern does not match a part", facts("http://a/user/17/x"), "any"],
  ];
  for (const [name, request, expected] of cases) {
    test(name, () => assert.equal(table.find(request)?.rule.backends[0]?.service, expected));
  }

  test("the more specific host wins, whatever the path", () => {
    const one = (host: string | undefined, backend: string, value: string) =>
      readHttpRoute(httpRoute(backend, [rule(backend, { path: { value } })]), host, trusting);
    const hosts = createRouteTable([
      ...one(undefined, "all", "/long/path"),
      ...one("*.example.com", "wild", "/long/path"),
      ...one("*.b.example.com", "wilder", "/"),
      ...one("www.example.com", "www", "/"),
    ]);
    const taken = (url: string) => hosts.find(facts(url))?.rule.backends[0]?.service;
    assert.equal(taken("http://www.example.com/long/path"), "www");
    assert.equal(taken("http://a.b.example.com/long/path"), "wilder");
    assert.equal(taken("http://x.example.com/long/path"), "wild");
    assert.equal(taken("http://example.com/long/path"), "all");
    assert.equal(taken("http://other.org/"), undefined);
  });

  test("of equals, the older route wins, then the first in the alphabet", () => {
    const read = (name: string, created: string) =>
      readHttpRoute(httpRoute(name, [rule(name)], created), undefined, trusting);
    const young = read("a", "2026-02-01T00:00:00Z");
    const old = read("b", "2026-01-01T00:00:00Z");
    assert.equal(createRouteTable([...young, ...old]).find(facts("http://a/"))?.rule.backends[0]?.service, "b");
    const twin = read("c", "2026-01-01T00:00:00Z");
    assert.equal(createRouteTable([...old, ...twin]).find(facts("http://a/"))?.rule.backends[0]?.service, "b");
  });

  test("a filter that the gateway doesn't have is an error, not a silence", () => {
    const route = httpRoute("r", [{ filters: [{ type: "ExtensionRef" }] }]);
    assert.throws(() => readHttpRoute(route, undefined, trusting), /filter ExtensionRef is not supported/);
  });
});

describe("where a route hangs", () => {
  const gateway = (listener: Record<string, unknown>): KubeObject => ({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "Gateway",
    metadata: { name: "gateway", namespace: "istio-ingress" },
    spec: { listeners: [{ name: "default", port: 80, protocol: "HTTP", hostname: "*.example.com", ...listener }] },
  });
  const route = (...hostnames: string[]): KubeObject => ({ ...httpRoute("r", []), spec: { hostnames } });
  const all = { allowedRoutes: { namespaces: { from: "All" } } };
  const labelled = { allowedRoutes: { namespaces: { from: "Selector", selector: { matchLabels: { team: "a" } } } } };
  const parent = { name: "gateway", namespace: "istio-ingress" };
  const cases: [string, ReturnType<typeof attach>, string, (string | undefined)[]][] = [
    [
      "a host under the listener's",
      attach(route("www.example.com"), parent, gateway(all), {}),
      "Accepted",
      ["www.example.com"],
    ],
    ["no host: the listener's", attach(route(), parent, gateway(all), {}), "Accepted", ["*.example.com"]],
    [
      "foreign hosts fall away",
      attach(route("a.org", "b.example.com"), parent, gateway(all), {}),
      "Accepted",
      ["b.example.com"],
    ],
    ["only foreign hosts", attach(route("a.org"), parent, gateway(all), {}), "NoMatchingListenerHostname", []],
    [
      "another namespace by default",
      attach(route("www.example.com"), parent, gateway({}), {}),
      "NotAllowedByListeners",
      [],
    ],
    [
      "a namespace with the label",
      attach(route("b.example.com"), parent, gateway(labelled), { team: "a" }),
      "Accepted",
      ["b.example.com"],
    ],
    [
      "a namespace without it",
      attach(route("b.example.com"), parent, gateway(labelled), { team: "b" }),
      "NotAllowedByListeners",
      [],
    ],
    [
      "a section that isn't there",
      attach(route(), { ...parent, sectionName: "x" }, gateway(all), {}),
      "NoMatchingParent",
      [],
    ],
    ["a listener for TLS", attach(route(), parent, gateway({ ...all, protocol: "HTTPS" }), {}), "NoMatchingParent", []],
  ];
  for (const [name, attachment, reason, hosts] of cases) {
    test(name, () => {
      assert.equal(attachment.accepted.reason, reason);
      assert.deepEqual(
        attachment.places.flatMap((place) => place.hosts),
        hosts,
      );
    });
  }

  test("hosts meet in the narrower one", () => {
    assert.equal(intersectHosts("*.example.com", "*.a.example.com"), "*.a.example.com");
    assert.equal(intersectHosts("*.a.example.com", "*.example.com"), "*.a.example.com");
    assert.equal(intersectHosts("*.example.com", "example.com"), undefined);
    assert.equal(intersectHosts(undefined, "example.com"), "example.com");
  });
});

describe("weights", () => {
  const shares = (weights: number[], turns: number): number[] => {
    const wheel = createWheel(weights);
    const counts = weights.map(() => 0);
    for (let turn = 0; turn < turns; turn++) {
      const index = wheel();
      counts[index] = (counts[index] ?? 0) + 1;
    }
    return counts;
  };
  for (let canary = 0; canary <= 100; canary++) {
    test(`${canary}% of 100 requests are ${canary}`, () =>
      assert.deepEqual(shares([100 - canary, canary], 100), [100 - canary, canary]));
  }
  test("at any moment no share is off by more than a request", () => {
    for (let turns = 1; turns <= 300; turns++) {
      const [, canary = 0] = shares([95, 5], turns);
      assert.ok(Math.abs(canary - turns * 0.05) <= 1, `${canary} of ${turns}`);
    }
  });
  test("without any weight there is no choice", () => assert.equal(createWheel([0, -1])(), -1));
  test("reading the same rule again does not start over", () => {
    const wheels = createWheels();
    const taken = [1, 2, 3, 4].map(() => wheels("rule", [3, 1])());
    assert.deepEqual(taken.filter((index) => index === 1).length, 1);
  });
});

describe("Traefik rules", () => {
  const cases: [string, RequestFacts, boolean][] = [
    ["Host(`app.example.com`)", facts("http://app.example.com/"), true],
    ["Host(`App.Example.com`)", facts("http://app.example.com/"), true],
    ["Host(`app.example.com`)", facts("http://b.example.com/"), false],
    ["Host(`a`, `b`)", facts("http://b/"), true],
    ["Host(`a`) && PathPrefix(`/api`)", facts("http://a/apiary"), true],
    ["Host(`a`) && Path(`/api`)", facts("http://a/api/"), false],
    ["Host(`a`) && (Path(`/x`) || Path(`/y`))", facts("http://a/y"), true],
    ["Host(`a`) || Host(`b`) && Path(`/y`)", facts("http://a/z"), true],
    ["Host(`a`) && !PathPrefix(`/private`)", facts("http://a/private/x"), false],
    ["Host(`a`) && !PathPrefix(`/private`)", facts("http://a/public"), true],
    ["!Host(`a`)", facts("http://b/"), true],
    ["!Host(`a`)", facts("http://a/"), false],
    ["Header(`X-Canary`, `always`)", facts("http://a/", { "x-canary": "always" }), true],
    ["HeadersRegexp(`Cookie`, `canary=[a-z]+`)", facts("http://a/", { cookie: "x=1; canary=yes" }), true],
    ["Query(`a=1`) && Method(`GET`)", facts("http://a/?a=1"), true],
    ["Query(`a`, `1`) && Method(`POST`)", facts("http://a/?a=1"), false],
    ['HostRegexp(`^.+\\.example\\.com$`) && PathRegexp("\\\\.png$")', facts("http://x.example.com/a.png"), true],
    ["PathPrefix(`/a`) && PathRegexp(`z$`)", facts("http://x/a/z"), true],
    ["PathPrefix(`/a`) && PathRegexp(`z$`)", facts("http://x/a/y"), false],
  ];
  for (const [text, request, expected] of cases) {
    test(`${text} ${expected ? "takes" : "leaves"} ${request.host}${request.path}`, () => {
      const entries = readTraefikRule(text).map(({ host, match }) => ({
        host,
        match,
        rule: { id: "r", backends: [], filters: [] },
        rank: [0],
      }));
      assert.equal(createRouteTable(entries).find(request) !== undefined, expected);
    });
  }
  for (const [text, complaint] of [
    ["ClientIP(`10.0.0.0/8`)", /matcher ClientIP is not supported/],
    ["Host(`a`", /ends too early/],
    ["Host(`a`) Path(`/`)", /unexpected Path/],
    ["", /ends too early/],
    ["Host(`a`) & Path(`/`)", /can't be read from/],
  ] as const) {
    test(`${JSON.stringify(text)} is refused`, () => assert.throws(() => readTraefikRule(text), complaint));
  }
});

describe("rewriting", () => {
  const match = { path: { kind: "prefix", value: "/foo" }, headers: [], query: [] } as const;
  const cases: [string, { kind: "full" | "prefix"; value: string }, string][] = [
    ["/foo/bar?x=1", { kind: "prefix", value: "/xyz" }, "/xyz/bar?x=1"],
    ["/foo/bar", { kind: "prefix", value: "/xyz/" }, "/xyz/bar"],
    ["/foo", { kind: "prefix", value: "/xyz" }, "/xyz"],
    ["/foo/", { kind: "prefix", value: "/xyz" }, "/xyz/"],
    ["/foo/bar", { kind: "prefix", value: "/" }, "/bar"],
    ["/foo", { kind: "prefix", value: "/" }, "/"],
    ["/foo/bar?x=1", { kind: "full", value: "/new" }, "/new?x=1"],
  ];
  for (const [target, path, expected] of cases) {
    test(`${target} with ${path.kind} ${path.value} is ${expected}`, () =>
      assert.equal(rewritePath(target, { path }, match), expected));
  }
  test("a redirect leaves out the port that its scheme implies", () => {
    const request = { host: "a.org", target: "/foo/x", port: 8080 };
    assert.equal(locationOf({ scheme: "https", statusCode: 301 }, match, request), "https://a.org/foo/x");
    assert.equal(locationOf({ statusCode: 302 }, match, request), "http://a.org:8080/foo/x");
    assert.equal(locationOf({ hostname: "b.org", port: 80, statusCode: 302 }, match, request), "http://b.org/foo/x");
  });
});

describe("headers", () => {
  test("those of the connection stay behind, and those that it names", () => {
    const raw = [
      "Host",
      "a",
      "Connection",
      "close, X-Secret",
      "X-Secret",
      "1",
      "Transfer-Encoding",
      "chunked",
      "X",
      "2",
    ];
    assert.deepEqual(passOn(raw), ["Host", "a", "X", "2"]);
  });
  test("set replaces, add joins, remove removes", () => {
    const change = { set: [["b", "3"]], add: [["a", "4"]], remove: ["C"] } as const;
    assert.deepEqual(changeHeaders(["A", "1", "B", "2", "c", "5"], change), ["A", "1", "b", "3", "a", "4"]);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { providers, providersWith, shortfalls } from "../../../api/index.ts";
import { aCanary } from "../aCanary.ts";

const weights = aCanary();
const blueGreen = aCanary().spec({ analysis: { interval: "1m", threshold: 5, iterations: 3 } });
const full = aCanary().service({
  hosts: ["a"],
  gateways: ["g"],
  delegation: true,
  match: [{ uri: { prefix: "/" } }],
  rewrite: { uri: "/" },
  timeout: "1s",
  backendTimeout: "1s",
  retries: { attempts: 1 },
  headers: { request: { remove: ["x"] } },
  corsPolicy: { allowOrigin: ["*"] },
  trafficPolicy: { tls: { mode: "DISABLE" } },
  mirror: [{ backendRef: { name: "audit" } }],
  meshName: "m",
  backends: ["b"],
  appProtocol: "TCP",
});

const names: Readonly<Record<string, string>> = { mirror: "mirrorTo", corsPolicy: "cors", appProtocol: "tcp" };

function ignored(field: string): string {
  return `ignored ${names[field] ?? field} at service.${field}`;
}

describe("what a Canary asks and its provider cannot do", () => {
  const cases: Record<string, { canary: ReturnType<typeof aCanary>; provider: string; want: readonly string[] }> = {
    "weights with weights": { canary: weights, provider: "traefik", want: [] },
    "weights without": { canary: weights, provider: "kubernetes", want: ["refused weights at analysis.iterations"] },
    "iterations without weights": { canary: blueGreen, provider: "kubernetes", want: [] },
    "no analysis at all": {
      canary: aCanary().spec({ analysis: undefined } as never),
      provider: "kubernetes",
      want: [],
    },
    "an A/B test where headers are not looked at": {
      canary: blueGreen.analysis({ match: [{ headers: { a: { exact: "b" } } }] }),
      provider: "traefik",
      want: ["refused abTesting at analysis.match"],
    },
    "a mirror during iterations": {
      canary: blueGreen.analysis({ mirror: true, mirrorWeight: 10 }),
      provider: "traefik",
      want: ["refused mirror at analysis.mirror", "ignored mirrorWeight at analysis.mirrorWeight"],
    },
    "a mirror before weights": {
      canary: weights.analysis({ mirror: true }),
      provider: "traefik",
      want: ["refused mirrorStep at analysis.mirror"],
    },
    "sessions of the primary": {
      canary: weights.analysis({ sessionAffinity: { cookieName: "a", primaryCookieName: "b" } }),
      provider: "gatewayapi:v1beta1",
      want: ["ignored primaryAffinity at analysis.sessionAffinity.primaryCookieName"],
    },
    "every field of service, Istio": {
      canary: full,
      provider: "istio",
      want: ["backendTimeout", "mirror", "meshName", "backends"].map((field) => ignored(field)),
    },
    "every field of service, Contour": {
      canary: full,
      provider: "contour",
      want: [
        "appProtocol hosts gateways delegation rewrite backendTimeout headers corsPolicy trafficPolicy mirror meshName backends",
      ].flatMap((fields) => fields.split(" ").map((field) => ignored(field))),
    },
    "a provider that nobody knows": { canary: weights, provider: "", want: ["refused weights at analysis.iterations"] },
  };

  for (const [name, { canary, provider, want }] of Object.entries(cases)) {
    it(name, () => {
      const found = shortfalls(canary.build(), provider);
      assert.deepEqual(
        found.map(({ kind, feature, field }) => `${kind} ${feature} at ${field}`),
        want,
      );
    });
  }

  it("some provider can do everything, and blue/green all can", () => {
    assert.deepEqual(providersWith("blueGreen").toSorted(), [...providers].toSorted());
    assert.deepEqual(providersWith("trafficPolicy"), ["istio"]);
  });
});

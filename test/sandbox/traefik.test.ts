import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { type Answer, get, many, startTrafficBench, type TrafficBench } from "./trafficBench.ts";

let bench: TrafficBench;
beforeEach(async () => {
  bench = await startTrafficBench();
});
afterEach(() => bench.stop());

describe("Traefik", () => {
  for (const [routes, group] of [
    ["traefik.io", "traefik.io"],
    ["traefik.containo.us", "traefik.containo.us"],
    ["traefik.containo.us", "traefik.io"],
  ] as const) {
    test(`splits an IngressRoute of ${routes} by a TraefikService of ${group}: weights of 0 get nothing, a missing one is 1`, async () => {
      const put = (kind: string, of: string, spec: unknown): void => {
        const metadata = { name: "podinfo", namespace: "test" };
        bench.cluster.put(`${kind.toLowerCase()}s.${of}`, { apiVersion: `${of}/v1alpha1`, kind, metadata, spec });
      };
      const services = [{ name: "podinfo", kind: "TraefikService", port: 80 }];
      put("IngressRoute", routes, {
        entryPoints: ["web"],
        routes: [{ match: "Host(`app.example.com`)", kind: "Rule", services }],
      });
      const split = (...weights: (number | undefined)[]): void =>
        put("TraefikService", group, {
          weighted: {
            services: ["podinfo-primary", "podinfo-canary"].map((name, index) => ({
              name,
              port: 9898,
              weight: weights[index],
            })),
          },
        });
      const url = bench.network.gateways().find((one) => one.name === "traefik")?.url ?? "";
      const ask = (): Promise<Answer> => get(url, { host: "app.example.com" });
      split(90, 10);
      await bench.network.settled();
      assert.deepEqual(await many(100, ask), { primary: 90, canary: 10 });
      split(0, 100);
      await bench.network.settled();
      assert.deepEqual(await many(10, ask), { canary: 10 });
      split(undefined, 99);
      await bench.network.settled();
      assert.deepEqual(await many(100, ask), { primary: 1, canary: 99 });
      assert.equal((await get(url, { host: "other.example.com" })).status, 404);
      const counts = (await bench.series("traefik")).filter(
        ({ labels }) => labels["__name__"] === "traefik_service_request_duration_seconds_count",
      );
      assert.deepEqual(counts.map(({ labels, value }) => `${labels["service"]} ${labels["code"]} ${value}`).sort(), [
        "test-podinfo-canary-9898@kubernetescrd 200 119",
        "test-podinfo-primary-9898@kubernetescrd 200 91",
      ]);
    });
  }
});

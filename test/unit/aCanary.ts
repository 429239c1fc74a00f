import type { Canary, CanarySpec, CanaryStatus } from "../../api/index.ts";

type Service = Partial<NonNullable<CanarySpec["service"]>>;
type Analysis = Partial<NonNullable<CanarySpec["analysis"]>>;

/** Builds a Canary named `shop` in `demo`, step by step. Every step gives a new builder. */
export interface CanaryBuilder {
  spec(more: Partial<CanarySpec>): CanaryBuilder;
  service(more: Service): CanaryBuilder;
  analysis(more: Analysis): CanaryBuilder;
  status(more: CanaryStatus): CanaryBuilder;
  build(): Canary;
}

const start: Canary = {
  apiVersion: "flagger.app/v1beta1",
  kind: "Canary",
  metadata: { name: "shop", namespace: "demo", uid: "7f0c" },
  spec: {
    targetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "shop" },
    service: { port: 8080, gatewayRefs: [{ name: "edge", namespace: "infra" }] },
    analysis: { interval: "1m", threshold: 5, maxWeight: 50, stepWeight: 10 },
  },
};

export function aCanary(): CanaryBuilder {
  return builderOf(start);
}

function builderOf(canary: Canary): CanaryBuilder {
  const { spec } = canary;
  return {
    spec: (more) => builderOf({ ...canary, spec: { ...spec, ...more } }),
    service: (more) => builderOf({ ...canary, spec: { ...spec, service: { port: 8080, ...spec.service, ...more } } }),
    analysis: (more) =>
      builderOf({
        ...canary,
        spec: { ...spec, analysis: { interval: "1m", threshold: 5, ...spec.analysis, ...more } },
      }),
    status: (more) => builderOf({ ...canary, status: { ...canary.status, ...more } }),
    build: () => canary,
  };
}

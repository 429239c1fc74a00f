import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import {
  alertProviderResource,
  canaryResource,
  metricTemplateResource,
  ownedKinds,
  ownedRoutes,
} from "../api/index.ts";

interface Reviewed {
  readonly path: string;
  readonly kind: string;
  readonly operation: string;
  readonly outcome: string;
  readonly why: string;
  readonly seconds: number;
}

/** What the process tells Prometheus. Labels are closed lists: no names of objects or users. */
export interface Metrics {
  reviewed(review: Reviewed): void;
  failed(path: string, status: number): void;
  inFlight(count: number): void;
  certificate(notAfter: Date): void;
  watch(resource: string, synced: boolean, objects: number): void;
  readonly contentType: string;
  render(): Promise<string>;
}

const ownKinds = [canaryResource, metricTemplateResource, alertProviderResource];
const kinds = new Set([...ownedKinds, ...ownedRoutes, ...ownKinds].map(({ kind }) => kind).concat("Scale"));
const operations = new Set(["CREATE", "UPDATE", "DELETE", "CONNECT"]);

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const reviews = new Histogram({
    name: "weir_admission_seconds",
    help: "Time to answer a review, by what was answered.",
    labelNames: ["path", "kind", "operation", "outcome", "reason"],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1],
    registers,
  });
  const failures = new Counter({
    name: "weir_admission_failures_total",
    help: "Calls that were answered with an HTTP error.",
    labelNames: ["path", "status"],
    registers,
  });
  const flying = new Gauge({ name: "weir_admission_in_flight", help: "Reviews being answered.", registers });
  const expiry = new Gauge({
    name: "weir_certificate_expiry_seconds",
    help: "When the serving certificate ends, as Unix time.",
    registers,
  });
  const synced = new Gauge({
    name: "weir_cache_synced",
    help: "1 once the kind was listed completely.",
    labelNames: ["resource"],
    registers,
  });
  const objects = new Gauge({
    name: "weir_cache_objects",
    help: "Objects in the cache.",
    labelNames: ["resource"],
    registers,
  });
  return {
    reviewed({ path, kind, operation, outcome, why, seconds }) {
      const known = { kind: oneOf(kinds, kind), operation: oneOf(operations, operation) };
      reviews.observe({ path, ...known, outcome, reason: why }, seconds);
    },
    failed: (path, status) => failures.inc({ path, status }),
    inFlight: (count) => flying.set(count),
    certificate: (notAfter) => expiry.set(Math.round(notAfter.getTime() / 1000)),
    watch(resource, isSynced, count) {
      synced.set({ resource }, isSynced ? 1 : 0);
      objects.set({ resource }, count);
    },
    contentType: registry.contentType,
    render: () => registry.metrics(),
  };
}

/** A caller could make up any number of words. */
function oneOf(known: ReadonlySet<string>, word: string): string {
  return known.has(word) ? word : "other";
}

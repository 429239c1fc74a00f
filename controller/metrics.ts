import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { analysisOf, type Canary, strategyOf } from "../api/index.ts";
import { observedTraffic } from "./decide/plan.ts";
import type { Answer, Observation, Question } from "./decide/types.ts";

/** The series that dashboards and alerts of these kinds know (spec/flagger-core.md §5.1), and a few of our own. */
export interface Metrics {
  /** Gauges that follow a look at a canary. */
  observe(key: string, seen: Observation): void;
  /** A canary is gone: so are its series. */
  forget(key: string): void;
  answered(canary: Canary, question: Question, answer: Answer | undefined): void;
  /** A round of analysis took this long. */
  round(canary: Canary, seconds: number): void;
  count(canary: Canary, outcome: "succeeded" | "failed" | "skipped"): void;
  readonly registry: Registry;
}

export function createMetrics(options: { readonly version: string; readonly meshProvider: string }): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const gauge = (name: string, help: string, labelNames: readonly string[]) =>
    new Gauge({ name, help, labelNames: [...labelNames], registers });
  const counter = (name: string, help: string) =>
    new Counter({ name, help, labelNames: ["name", "namespace", "deployment_strategy", "analysis_status"], registers });

  const info = gauge("flagger_info", "Version and default provider.", ["version", "mesh_provider"]);
  const total = gauge("flagger_canary_total", "Canaries per namespace.", ["namespace"]);
  const status = gauge("flagger_canary_status", "0 progressing, 1 at rest, 2 failed.", ["name", "namespace"]);
  const weight = gauge("flagger_canary_weight", "Share of traffic in percent.", ["workload", "namespace"]);
  const analysis = gauge("flagger_canary_metric_analysis", "Last value of a metric; durations in seconds.", [
    "name",
    "namespace",
    "metric",
  ]);
  const duration = new Histogram({
    name: "flagger_canary_duration_seconds",
    help: "Seconds that a round of analysis took.",
    labelNames: ["name", "namespace"],
    registers,
  });
  const successes = counter("flagger_canary_successes_total", "Promotions.");
  const failures = counter("flagger_canary_failures_total", "Releases that were taken back.");
  info.set({ version: options.version, mesh_provider: options.meshProvider }, 1);

  const known = new Map<string, Canary>();
  const countNamespace = (namespace: string): void => {
    const count = [...known.keys()].filter((key) => key.startsWith(`${namespace}/`)).length;
    if (count === 0) total.remove({ namespace });
    else total.set({ namespace }, count);
  };

  return {
    registry,
    observe(key, seen) {
      const { canary } = seen;
      const namespace = canary.metadata.namespace ?? "";
      const name = canary.spec.targetRef.name;
      const added = !known.has(key);
      known.set(key, canary);
      if (added) countNamespace(namespace);
      const phase = canary.status?.phase ?? "";
      status.set({ name, namespace }, phase === "Progressing" ? 0 : phase === "Failed" ? 2 : 1);
      const traffic = observedTraffic(seen);
      if (traffic === undefined) return;
      weight.set({ workload: `${name}-primary`, namespace }, traffic.primary);
      weight.set({ workload: name, namespace }, traffic.canary);
    },
    forget(key) {
      const canary = known.get(key);
      if (canary === undefined) return;
      known.delete(key);
      const namespace = canary.metadata.namespace ?? "";
      const name = canary.spec.targetRef.name;
      countNamespace(namespace);
      status.remove({ name, namespace });
      weight.remove({ workload: `${name}-primary`, namespace });
      weight.remove({ workload: name, namespace });
      duration.remove({ name, namespace });
      for (const metric of analysisOf(canary).metrics ?? []) analysis.remove({ name, namespace, metric: metric.name });
    },
    answered(canary, question, answer) {
      if (question.kind !== "metric" || answer?.kind !== "metric") return;
      for (const reading of answer.readings) {
        if (reading.sample.kind !== "value") continue;
        const value = reading.source === "duration" ? reading.sample.value / 1000 : reading.sample.value;
        analysis.set(
          {
            name: canary.spec.targetRef.name,
            namespace: canary.metadata.namespace ?? "",
            metric: question.metric.name,
          },
          value,
        );
      }
    },
    round: (canary, seconds) =>
      duration.observe({ name: canary.spec.targetRef.name, namespace: canary.metadata.namespace ?? "" }, seconds),
    count(canary, outcome) {
      const labels = {
        name: canary.spec.targetRef.name,
        namespace: canary.metadata.namespace ?? "",
        deployment_strategy: strategyOf(canary),
      };
      if (outcome === "failed") failures.inc({ ...labels, analysis_status: "completed" });
      else successes.inc({ ...labels, analysis_status: outcome === "skipped" ? "skipped" : "completed" });
    },
  };
}

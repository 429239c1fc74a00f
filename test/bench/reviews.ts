/** Reviews of one kind, as fast as they are answered. */
import autocannon from "autocannon";
import { aReview } from "../unit/mutators/builders.ts";

export const mutatePath = "/mutate/deployments";

export interface Aim {
  readonly name: string;
  readonly port: number;
  readonly body: Buffer;
}

/** For so many seconds, or so many reviews. */
export type Load = { readonly connections: number } & ({ readonly duration: number } | { readonly amount: number });

export interface Round {
  readonly perSecond: number;
  /** Milliseconds, in order of the answers. */
  readonly latencies: readonly number[];
}

/** Sends one review again and again, and fails at the first answer that is none. */
export function shoot({ name, port, body }: Aim, load: Load): Promise<Round> {
  const latencies: number[] = [];
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const run = autocannon(
      {
        url: `https://127.0.0.1:${port}`,
        requests: [{ path: mutatePath }],
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
        ...load,
        timeout: 10,
        sampleInt: 100,
        setupClient: () => undefined,
      },
      (error) => {
        const elapsed = (performance.now() - started) / 1000;
        if (error !== null) reject(error);
        else resolve({ perSecond: latencies.length / elapsed, latencies });
      },
    );
    run.on("response", (_client: unknown, status: number, _bytes: number, milliseconds: number) => {
      if (status === 200) latencies.push(milliseconds);
      else run.stop();
    });
    run.on("reqError", (error: Error) => reject(new Error(`${name}: ${error.message}`)));
  });
}

/** The update of an image, as the API server asks about it: 12 KB with both objects. */
export function reviewOf(name: string): Buffer {
  const request = aReview(deploymentOf(name, "podinfo:6.0.1"), deploymentOf(name, "podinfo:6.0.0"), { name });
  return Buffer.from(JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request }));
}

function deploymentOf(name: string, image: string): object {
  const labels = { app: name };
  const env = Array.from({ length: 40 }, (_, index) => ({
    name: `SETTING_${index}`,
    value: `the value of setting number ${index}, which is of some length`,
  }));
  const fields = Object.fromEntries(env.map((each) => [`k:{"name":"${each.name}"}`, { ".": {}, "f:value": {} }]));
  const probe = { httpGet: { path: "/healthz", port: 9898 }, initialDelaySeconds: 5, timeoutSeconds: 5 };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: {
      name,
      namespace: "demo",
      labels,
      managedFields: [
        { manager: "kubectl", operation: "Update", time: "2026-01-01T10:00:00Z", fieldsV1: { "f:env": fields } },
      ],
    },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: "podinfod", image, env, livenessProbe: probe, readinessProbe: probe }] },
      },
    },
    status: { readyReplicas: 2 },
  };
}

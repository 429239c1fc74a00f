import { Agent, request } from "undici";
import type { Client, KubeObject } from "../apiserver/types.ts";
import type { Locate } from "../network/directory.ts";
import { type Labels, parseExposition, type Sample } from "./exposition.ts";

/** A page with metrics, and the labels that all of its series get. */
export interface Target {
  readonly url: string;
  readonly labels: Labels;
}

/** What one target answered; `samples` carry the target's labels, and `up` says whether it answered. */
export interface Scrape {
  readonly source: string;
  readonly samples: readonly Sample[];
}

export interface Collector {
  /** Asks every target at once; one that fails or is slow gives `up` 0 and nothing else. */
  collect(): Promise<Scrape[]>;
  stop(): Promise<void>;
}

/** Well under the second in which the next round comes. */
const TIMEOUT_MS = 800;
const LARGEST_PAGE = 8 * 1024 * 1024;

/** Scrapes the running pods and the network's own exporters. */
export function createCollector(client: Client, others: () => readonly Target[], locate: Locate): Collector {
  const pods = new Map<string, KubeObject>();
  const agent = new Agent({ connections: 4, keepAliveTimeout: 4000 });
  const unwatch = client.watch("pods", ({ type, object }) => {
    const id = `${object.metadata.namespace}/${object.metadata.name}`;
    if (type === "DELETED") pods.delete(id);
    else pods.set(id, object);
  });
  const scrape = async (target: Target): Promise<Scrape> => {
    const source = `${target.labels["job"]} ${target.url}`;
    const up = (value: number): Sample => ({ labels: { __name__: "up", ...target.labels }, value });
    try {
      const samples = parseExposition(await fetchPage(target.url, agent));
      return { source, samples: [...samples.map((sample) => relabel(sample, target.labels)), up(1)] };
    } catch {
      return { source, samples: [up(0)] };
    }
  };
  return {
    collect: () =>
      Promise.all([...[...pods.values()].flatMap((pod) => podTarget(pod, locate)), ...others()].map(scrape)),
    stop: async () => {
      unwatch();
      await agent.destroy();
    },
  };
}

async function fetchPage(url: string, agent: Agent): Promise<string> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const { statusCode, body } = await request(url, { dispatcher: agent, signal, headers: { accept: "text/plain" } });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > LARGEST_PAGE) throw new Error(`${url} has more than ${LARGEST_PAGE} bytes`);
    chunks.push(chunk);
  }
  if (statusCode !== 200) throw new Error(`${url} answered ${statusCode}`);
  return Buffer.concat(chunks).toString();
}

/** A label that the page and the target both have is the target's; the page's is kept as `exported_…`. */
function relabel(sample: Sample, target: Labels): Sample {
  const labels: Record<string, string> = {};
  for (const [name, value] of Object.entries(sample.labels)) labels[name in target ? `exported_${name}` : name] = value;
  return { labels: { ...labels, ...target }, value: sample.value };
}

/**
 * Where a pod's metrics are: by its prometheus.io annotations, else on its first port. `prometheus.io/scrape: "false"` keeps
 * it out, as does having no port.
 */
function podTarget(pod: KubeObject, locate: Locate): Target[] {
  const annotations = pod.metadata.annotations ?? {};
  const { podIP, phase } = (pod["status"] ?? {}) as { podIP?: string; phase?: string };
  const port = annotations["prometheus.io/port"] ?? firstPort(pod);
  if (annotations["prometheus.io/scrape"] === "false" || phase !== "Running" || !podIP || port === undefined) return [];
  const labels: Record<string, string> = {};
  for (const [name, value] of Object.entries(pod.metadata.labels ?? {}))
    labels[name.replaceAll(/[^a-zA-Z0-9_]/g, "_")] = value;
  const { host, port: realPort } = locate(podIP, Number(port));
  const namespace = pod.metadata.namespace ?? "";
  const name = pod.metadata.name ?? "";
  return [
    {
      url: `http://${host}:${realPort}${annotations["prometheus.io/path"] ?? "/metrics"}`,
      labels: {
        ...labels,
        job: "kubernetes-pods",
        instance: `${podIP}:${port}`,
        namespace,
        pod: name,
        kubernetes_namespace: namespace,
        kubernetes_pod_name: name,
      },
    },
  ];
}

function firstPort(pod: KubeObject): number | undefined {
  const containers: { ports?: { containerPort?: number }[] }[] = pod["spec"]?.containers ?? [];
  return containers.flatMap((container) => container.ports ?? [])[0]?.containerPort;
}

import type { Client, KubeObject } from "../apiserver/types.ts";
import { type Locate, watchDirectory } from "./directory.ts";
import { listen } from "./entryPoint.ts";
import { answer, createForwarder } from "./forward.ts";
import { startForwardProxy } from "./forwardProxy.ts";
import { type GatewayAddress, startGateways } from "./gateways.ts";
import { type Address, findDestination } from "./hostNames.ts";
import { createIstioTelemetry, createTraefikTelemetry } from "./telemetry.ts";
import { startTraefik, TRAEFIK } from "./traefik.ts";

export interface NetworkOptions {
  readonly client: Client;
  readonly log: (message: string, fields?: Record<string, unknown>) => void;
  readonly clock?: () => Date;
  readonly locate?: Locate;
  /** Told of every port that a Gateway opens. */
  readonly gatewayOpened?: (gateway: GatewayAddress) => void;
}

/** A page with metrics in the Prometheus text format, and the labels its series get. */
export interface ScrapeTarget {
  readonly url: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The cluster's network: gateways, names, and the series they export. */
export interface Network {
  /** A ready endpoint of a Service (in turn), an alias or a gateway. */
  resolve(namespace: string, service: string, port: number): Address | undefined;
  /** Lets a name in the cluster lead to a process outside. Replaces an earlier alias of the same name and port. */
  alias(namespace: string, service: string, port: number, address: Address): void;
  /** An HTTP forward proxy, for `http_proxy` and `HTTP_PROXY`. */
  readonly proxyUrl: string;
  /** The same for callers in a namespace, who may leave it out of names. */
  proxyUrlFor(namespace: string): string;
  gateways(): GatewayAddress[];
  /** The data planes' own metrics. */
  scrapeTargets(): ScrapeTarget[];
  /** Resolves when routes written so far are in effect. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

export async function startNetwork(options: NetworkOptions): Promise<Network> {
  const { client, log } = options;
  const aliases = new Map<string, Address>();
  const directory = watchDirectory(client, options.locate ?? ((host, port) => ({ host, port })));
  const forwarder = createForwarder(directory);
  const istio = createIstioTelemetry();
  const traefikTelemetry = createTraefikTelemetry();
  const gateways = startGateways({
    client,
    directory,
    forwarder,
    log,
    observerFor: (workload, namespace) => istio.from(workload, namespace),
    opened: options.gatewayOpened ?? (() => undefined),
    clock: options.clock ?? (() => new Date()),
  });
  const traefik = await startTraefik({ client, forwarder, log, observe: traefikTelemetry.observe });

  const loopback = (port: number | undefined): Address | undefined =>
    port === undefined ? undefined : { host: "127.0.0.1", port };
  const elsewhere = (namespace: string, service: string, port: number): Address | undefined => {
    const alias = aliases.get(`${namespace}/${service}:${port}`) ?? loopback(gateways.portOf(namespace, service, port));
    if (alias !== undefined) return alias;
    const isTraefik = namespace === TRAEFIK.namespace && service === TRAEFIK.service && port === TRAEFIK.port;
    return isTraefik ? loopback(traefik.port) : undefined;
  };
  const sources = {
    directory,
    elsewhere,
    namespacesElsewhere: (service: string) => [
      ...[...aliases.keys()].flatMap((key) => (key.split(/[/:]/)[1] === service ? [key.split("/")[0] ?? ""] : [])),
      ...gateways.list().flatMap((gateway) => (gateway.service === service ? [gateway.namespace] : [])),
      ...(service === TRAEFIK.service ? [TRAEFIK.namespace] : []),
    ],
    publicHost: (host: string) =>
      loopback(gateways.portForHost(host) ?? (traefik.hasHost(host) ? traefik.port : undefined)),
  };
  const proxy = await startForwardProxy({
    find: (host, port, from) => findDestination(sources, host, port, from),
    forwarder,
    observe: istio.from("unknown", "unknown"),
  });
  const exporter = await listen((request, response) => {
    const page = request.url === "/istio" ? istio : request.url === "/traefik" ? traefikTelemetry : undefined;
    if (page === undefined) return answer(response, 404, "try /istio or /traefik");
    response.writeHead(200, { "content-type": "text/plain; version=0.0.4" });
    response.end(page.render());
  });

  return {
    resolve: (namespace, service, port) => {
      const external = externalOf(directory.service(namespace, service), port);
      const found = elsewhere(namespace, service, port) ?? external ?? forwarder.pick(namespace, service, port);
      return found && { host: found.host, port: found.port };
    },
    alias: (namespace, service, port, address) => {
      aliases.set(`${namespace}/${service}:${port}`, address);
    },
    proxyUrl: `http://127.0.0.1:${proxy.port}`,
    proxyUrlFor: (namespace) => `http://${namespace}@127.0.0.1:${proxy.port}`,
    gateways: () => [...gateways.list(), { ...TRAEFIK, name: "traefik", url: `http://127.0.0.1:${traefik.port}` }],
    scrapeTargets: () =>
      ["istio", "traefik"].map((job) => ({
        url: `http://127.0.0.1:${exporter.port}/${job}`,
        labels: { job, instance: `127.0.0.1:${exporter.port}` },
      })),
    settled: () => gateways.settled(),
    stop: async () => {
      await gateways.stop();
      await Promise.all([traefik.stop(), proxy.close(), exporter.close()]);
      directory.stop();
      await forwarder.stop();
    },
  };
}

/** A Service may stand for a name outside of the cluster; then the port that was asked for is that of the name. */
function externalOf(service: KubeObject | undefined, port: number): Address | undefined {
  const { type, externalName } = service?.["spec"] ?? {};
  return type === "ExternalName" ? { host: externalName, port } : undefined;
}

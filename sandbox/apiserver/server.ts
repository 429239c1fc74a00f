import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { endpointOf } from "./admission/configurations.ts";
import { WebhookTransport } from "./admission/transport.ts";
import { createAdmission } from "./admission/webhooks.ts";
import type { Audit } from "./audit.ts";
import { groupsOf, renderKubeconfig, Tokens, withAuthenticated } from "./auth.ts";
import { startAggregation } from "./authorization/aggregation.ts";
import { Authorizer, type Observer } from "./authorization/authorizer.ts";
import { createRoles } from "./authorization/bootstrap.ts";
import { guardedAdmission } from "./authorization/escalation.ts";
import { builtinResources } from "./builtin/resources.ts";
import { createClient } from "./client.ts";
import { type Cluster, keyOfResource, openAdmission } from "./cluster.ts";
import { installCrdSupport } from "./crd/install.ts";
import { answerHttp } from "./http.ts";
import type { Control, Interference, WatchStream } from "./interference.ts";
import { OpenApiDocuments } from "./openapi.ts";
import { Registry } from "./registry.ts";
import { ServiceAccountTokens } from "./serviceAccountTokens.ts";
import { createStore, type Journal } from "./store.ts";
import type { ApiServer, Client, LogLine, Store, UserInfo } from "./types.ts";
import { createAuthority, type Identity } from "./x509.ts";

export interface ApiServerOptions {
  /** Default: any free one. */
  readonly port?: number;
  readonly log: (line: LogLine) => void;
  readonly clock?: () => Date;
  /** Events per resource that can be watched again; older revisions are answered with 410. For trying out clients. */
  readonly history?: number;
  /** Who issues the tokens of service accounts, and their audience unless another is asked for. */
  readonly issuer?: string;
  /** Told of every request that was allowed or refused. */
  readonly decided?: Observer;
  /** Told of every write that was let in, once it is answered. */
  readonly audited?: Audit;
  /** What the cluster goes on from and keeps its writes in. Default: nothing, and all is forgotten at the end. */
  readonly kept?: KeptCluster;
}

export interface KeptCluster {
  readonly journal: Journal;
  /** Tokens are derived from it. */
  readonly secret: Buffer;
  /** The authority that clients trust; undefined in a new cluster. */
  readonly authority: Identity | undefined;
  keepAuthority(authority: Identity): void;
}

/** Answers that are under way when the server stops get this long. */
const drainMs = 200;

/** A conversion webhook has this long to answer. */
const conversionSeconds = 30;

/** Who the API server itself is when it writes. */
const self: UserInfo = { username: "system:apiserver", groups: ["system:masters", "system:authenticated"] };

const initialNamespaces = ["default", "kube-system", "kube-public", "kube-node-lease"];

/** Starts an API server with an empty store on 127.0.0.1. Rejects when the port is taken. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const now = options.clock ?? (() => new Date());
  const registry = new Registry();
  for (const resource of builtinResources()) registry.add(resource);
  const store = createStore(options.history, options.kept?.journal);
  const authorizer = new Authorizer(store, options.decided);
  const cluster: Cluster = { store, registry, admission: openAdmission, authorizer, now };
  if (options.kept !== undefined) rememberObjects(cluster);
  const tokens = new Tokens(options.kept?.secret);
  const requests = new RequestCounts();
  const authority = createAuthority("weir-sandbox", now(), options.kept?.authority);
  if (options.kept?.authority === undefined) options.kept?.keepAuthority(authority);
  const identity = authority.issueServer(["localhost"], ["127.0.0.1"]);
  const as = (user: UserInfo): Client =>
    createClient(cluster, { ...user, groups: withAuthenticated(user.groups) }, requests.add);
  const own = createClient(cluster, self, requests.add, "kube-apiserver");

  const interference: Interference = { request: undefined, watch: undefined, webhook: undefined };
  const frontend = {
    cluster,
    witnesses: { authorizer, tokens, accounts: accountTokens(store, now, options) },
    count: requests.add,
    log: options.log,
    audit: options.audited,
    documents: new OpenApiDocuments(registry),
    streams: new Set<WatchStream>(),
    interference,
    control: (...input: Parameters<Control>) => server.control(...input),
    podLog: (...input: Parameters<ApiServer["podLog"]>) => server.podLog(...input),
  };
  const https = createServer(
    {
      cert: identity.certificate,
      key: identity.key,
      ca: authority.certificate,
      requestCert: true,
      rejectUnauthorized: false,
      keepAliveTimeout: 60_000,
      requestTimeout: 0,
    },
    (request, response) => void answerHttp(frontend, request, response),
  );
  const admission = createAdmission({
    store: cluster.store,
    resolveService: (...service) => server.resolveService(...service),
    authorize: (user, question) => authorizer.decide(user, question).allowed,
    isCut: (webhook) => interference.webhook?.(webhook) ?? false,
    log: (message) => options.log({ level: "warn", message }),
  });
  cluster.admission = guardedAdmission(admission, authorizer);
  const converters = new WebhookTransport((...service) => server.resolveService(...service));
  const stopCrds = installCrdSupport(registry, own, {
    now,
    log: (text) => options.log({ level: "warn", message: text }),
    post: ({ spec }, body) => {
      const endpoint = endpointOf(spec.conversion?.webhook?.clientConfig ?? {});
      return converters.post(endpoint, body, { timeoutSeconds: conversionSeconds, cut: false });
    },
  });
  await prepareNamespaces(own);
  await createRoles(own);
  const aggregation = startAggregation(own, (error) =>
    options.log({ level: "warn", message: "aggregating roles failed", reason: String(error) }),
  );
  await aggregation.settled();
  const port = await listen(https, options.port ?? 0);
  const url = `https://127.0.0.1:${port}`;

  const server: ApiServer = {
    url,
    ca: authority.certificate,
    kubeconfig(user, groups) {
      const members = groups ?? (user === "admin" ? ["system:masters"] : groupsOf(user));
      return renderKubeconfig(url, authority.certificate, user, tokens.tokenOf(user, members));
    },
    as,
    requests: () => requests.snapshot(),
    interference,
    control: () => undefined,
    watches: () => frontend.streams,
    expireHistory: () => cluster.store.compact(),
    resolveService: () => undefined,
    podLog: () => undefined,
    clientCertificate: (user, groups = []) => authority.issueClient(user, groups),
    async stop() {
      stopCrds();
      converters.stop();
      aggregation.stop();
      authorizer.stop();
      admission.stop();
      const closed = once(https, "close");
      for (const stream of [...frontend.streams]) stream.end();
      https.close();
      const impatient = setTimeout(() => https.closeAllConnections(), drainMs);
      await closed;
      clearTimeout(impatient);
    },
  };
  return server;
}

function rememberObjects({ registry, store }: Cluster): void {
  for (const resource of registry.all()) {
    const { remember } = resource.strategy;
    if (remember !== undefined) store.list(keyOfResource(resource), "").forEach(remember);
  }
}

async function prepareNamespaces(client: Client): Promise<void> {
  for (const name of initialNamespaces) {
    if (client.get("namespaces", "", name) !== undefined) continue;
    await client.create("namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name } });
    await client.create("serviceaccounts", {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: "default", namespace: name },
    });
  }
}

const defaultIssuer = "https://kubernetes.default.svc.cluster.local";

function accountTokens(store: Store, now: () => Date, options: ApiServerOptions): ServiceAccountTokens {
  const secret = options.kept?.secret ?? randomBytes(32);
  return new ServiceAccountTokens({ store, now, issuer: options.issuer ?? defaultIssuer, secret });
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
  return (server.address() as AddressInfo).port;
}

/** How often which user asked for what. */
class RequestCounts {
  readonly #counts = new Map<string, Map<string, number>>();

  readonly add = (user: string, what: string): void => {
    const counts = this.#counts.get(user) ?? new Map<string, number>();
    this.#counts.set(user, counts.set(what, (counts.get(what) ?? 0) + 1));
  };

  snapshot(): Record<string, Record<string, number>> {
    return Object.fromEntries([...this.#counts].map(([user, counts]) => [user, Object.fromEntries(counts)]));
  }
}

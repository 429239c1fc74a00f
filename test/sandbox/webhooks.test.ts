import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { ApiError, type KubeObject } from "../../sandbox/apiserver/types.ts";
import { createAuthority } from "../../sandbox/apiserver/x509.ts";
import {
  aDeployment,
  aWrite,
  type Bench,
  createBench,
  jsonPatch,
  resourceNamed,
  startWebhookServer,
  type WebhookServer,
} from "./webhookBench.ts";

const anyDeployment = { operations: ["*"], apiGroups: ["apps"], apiVersions: ["v1"], resources: ["deployments"] };
const annotations = (object: KubeObject | undefined) => object?.metadata.annotations ?? {};
const addAnnotation = (object: KubeObject | null, key: string) =>
  object?.metadata.annotations === undefined
    ? jsonPatch({ op: "add", path: "/metadata/annotations", value: { [key]: "1" } })
    : jsonPatch({ op: "add", path: `/metadata/annotations/${key}`, value: "1" });

describe("admission webhooks over TLS", () => {
  let server: WebhookServer;
  let bench: Bench;
  let called: string[];

  before(async () => {
    server = await startWebhookServer();
  });
  after(async () => await server.stop());
  beforeEach(() => {
    bench = createBench();
    called = [];
    server.heads.length = 0;
    server.respond = (_request, path) => {
      called.push(path.slice(1));
      return { response: { allowed: true } };
    };
  });
  afterEach(() => bench.admission.stop());

  const webhook = (name: string, change: Record<string, unknown> = {}) => ({
    name: `${name}.example.com`,
    clientConfig: { url: `${server.url}/${name}`, caBundle: server.caBundle },
    rules: [anyDeployment],
    sideEffects: "None",
    admissionReviewVersions: ["v1"],
    ...change,
  });

  const refusal = async (work: Promise<unknown>): Promise<ApiError> => {
    const error = await work.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof ApiError, `expected a refusal, got ${error}`);
    return error;
  };

  it("are posted to with the headers of an API server", async () => {
    bench.configure("Mutating", "m", webhook("a", { timeoutSeconds: 7 }));
    await bench.mutate(aWrite());
    const [head] = server.heads;
    assert.deepEqual([head?.method, head?.url], ["POST", "/a?timeout=7s"]);
    assert.equal(head?.headers["user-agent"], "kube-apiserver-admission");
    assert.equal(head?.headers["content-type"], "application/json");
    assert.equal(head?.headers.accept, "application/json, */*");
  });

  it("keep their connection from one review to the next", async () => {
    bench.configure("Mutating", "m", webhook("a"));
    const before = server.connections();
    for (let write = 0; write < 5; write += 1) await bench.mutate(aWrite());
    assert.equal(server.connections() - before, 1);
  });

  it("are called by the name of their configuration, each on what the one before made", async () => {
    const seen: string[][] = [];
    server.respond = (request, path) => {
      seen.push([path, ...Object.keys(annotations(request.object ?? undefined))]);
      return { response: addAnnotation(request.object, path.slice(1)) };
    };
    bench.configure("Mutating", "z", webhook("last"));
    bench.configure("Mutating", "a", webhook("first"), webhook("second"));
    const object = await bench.mutate(aWrite());
    assert.deepEqual(seen, [["/first"], ["/second", "first"], ["/last", "first", "second"]]);
    assert.deepEqual(Object.keys(annotations(object)), ["first", "second", "last"]);
  });

  it("are forgotten when their configuration is deleted", async () => {
    bench.configure("Mutating", "m", webhook("a"));
    await bench.mutate(aWrite());
    bench.store.delete("mutatingwebhookconfigurations.admissionregistration.k8s.io", "", "m");
    await bench.mutate(aWrite());
    assert.deepEqual(called, ["a"]);
  });

  it("get one more call when another one changed the object after them and they asked for it", async () => {
    const rounds: string[] = [];
    server.respond = (request, path) => {
      rounds.push(path);
      const count = rounds.length;
      return {
        response: path === "/never" ? { allowed: true } : addAnnotation(request.object, `${path.slice(1)}${count}`),
      };
    };
    const again = { reinvocationPolicy: "IfNeeded" };
    bench.configure("Mutating", "m", webhook("count", again), webhook("never"), webhook("count2", again));
    await bench.mutate(aWrite());
    assert.deepEqual(rounds, ["/count", "/never", "/count2", "/count", "/count2"]);
  });

  it("are all called at once when they validate, and the first refusal to arrive counts", async () => {
    const fastArrived = Promise.withResolvers<void>();
    bench.onWarning = () => fastArrived.resolve();
    server.respond = async (_request, path) => {
      if (path === "/slow") await fastArrived.promise;
      const warnings = path === "/fast" ? ["the fast one has answered"] : [];
      return { response: { allowed: false, warnings, status: { message: `${path} says no` } } };
    };
    bench.configure("Validating", "v", webhook("slow"), webhook("fast"));
    const error = await refusal(bench.validate(aWrite()));
    assert.equal(error.message, 'admission webhook "fast.example.com" denied the request: /fast says no');
    assert.equal(error.code, 400);
  });

  it("pass their warnings on, also with a refusal", async () => {
    server.respond = () => ({ response: { allowed: false, warnings: ["look out", "twice"] } });
    bench.configure("Mutating", "m", webhook("a"));
    await refusal(bench.mutate(aWrite()));
    assert.deepEqual(bench.warnings, ["look out", "twice"]);
  });

  it("of a Service are reached where it resolves to, under the name of the Service", async () => {
    const asked: unknown[] = [];
    const resolving = createBench((...service) => {
      asked.push(service);
      return { host: "127.0.0.1", port: server.port };
    });
    const service = { namespace: "weir-system", name: "weir", path: "/mutate", port: 8443 };
    resolving.configure("Mutating", "m", webhook("a", { clientConfig: { service, caBundle: server.caBundle } }));
    await resolving.mutate(aWrite());
    resolving.admission.stop();
    assert.deepEqual(asked, [["weir-system", "weir", 8443]]);
    assert.equal(server.heads[0]?.url, "/mutate?timeout=10s");
    assert.equal(server.heads[0]?.headers.host, "weir.weir-system.svc:8443");
  });

  it("see a Scale without labels, and what they make of its replicas counts", async () => {
    server.respond = (request) => {
      assert.deepEqual(
        [request.kind.kind, request.subResource, request.resource.resource],
        ["Scale", "scale", "deployments"],
      );
      return { response: jsonPatch({ op: "replace", path: "/spec/replicas", value: 0 }) };
    };
    const rules = [{ ...anyDeployment, resources: ["deployments/scale"] }];
    const labelled = { objectSelector: { matchLabels: { app: "podinfo" } } };
    bench.configure("Mutating", "m", webhook("a", { rules }));
    bench.configure("Mutating", "n", webhook("labelled", { rules, ...labelled }));
    const scale = (replicas: number) => ({
      apiVersion: "autoscaling/v1",
      kind: "Scale",
      metadata: { name: "podinfo", namespace: "test" },
      spec: { replicas },
      status: { replicas: 2 },
    });
    const write = aWrite({ operation: "UPDATE", subresource: "scale", object: scale(5), oldObject: scale(2) });
    const result = await bench.mutate(write);
    assert.equal(result?.["spec"].replicas, 0);
    assert.equal(server.heads.length, 1);
  });

  it("may answer a DELETE with an empty patch, but not with a change", async () => {
    bench.configure("Mutating", "m", webhook("a"));
    const write = aWrite({ operation: "DELETE", object: undefined, oldObject: aDeployment() });
    server.respond = () => ({ response: jsonPatch() });
    assert.equal(await bench.mutate(write), undefined);
    server.respond = () => ({ response: jsonPatch({ op: "add", path: "/metadata/labels", value: {} }) });
    const error = await refusal(bench.mutate(write));
    assert.equal(
      error.message,
      'Internal error occurred: admission webhook "a.example.com" attempted to modify the object, which is not supported for this operation',
    );
  });

  const update = (oldLabels: Record<string, string>, labels: Record<string, string>) =>
    aWrite({ operation: "UPDATE", object: aDeployment(labels), oldObject: aDeployment(oldLabels) });
  const canaryOnly = { objectSelector: { matchLabels: { canary: "true" } } };
  const withoutCanary = { objectSelector: { matchExpressions: [{ key: "canary", operator: "DoesNotExist" }] } };
  const cases: [string, Record<string, unknown>, Parameters<typeof aWrite>[0], number][] = [
    ["the object has the label", canaryOnly, update({}, { canary: "true" }), 1],
    ["only the old object has the label", canaryOnly, update({ canary: "true" }, {}), 1],
    ["neither object has the label", canaryOnly, update({}, {}), 0],
    ["the label is missing on one side and must be", withoutCanary, update({ canary: "true" }, {}), 1],
    ["another operation is asked for", { rules: [{ ...anyDeployment, operations: ["DELETE"] }] }, {}, 0],
    [
      "another version is asked for exactly",
      { rules: [{ ...anyDeployment, apiVersions: ["v2"] }], matchPolicy: "Exact" },
      {},
      0,
    ],
    [
      "only subresources are asked for",
      { rules: [{ ...anyDeployment, resources: ["deployments/*"] }] },
      { subresource: "status" },
      1,
    ],
    [
      "everything but subresources is asked for",
      { rules: [{ ...anyDeployment, resources: ["*"] }] },
      { subresource: "status" },
      0,
    ],
    ["everything is asked for", { rules: [{ ...anyDeployment, resources: ["*/*"] }] }, { subresource: "status" }, 1],
    ["cluster scope is asked for", { rules: [{ ...anyDeployment, scope: "Cluster" }] }, {}, 0],
    ["the namespace is not selected", { namespaceSelector: { matchLabels: { team: "web" } } }, {}, 0],
    ["the namespace is selected", { namespaceSelector: { matchLabels: { team: "web" } } }, { namespace: "web" }, 1],
    [
      "a condition does not hold",
      { matchConditions: [{ name: "c", expression: "request.operation == 'UPDATE'" }] },
      {},
      0,
    ],
    [
      "a condition holds",
      { matchConditions: [{ name: "c", expression: "object.spec.replicas == 2 && !has(request.subResource)" }] },
      {},
      1,
    ],
  ];
  for (const [name, change, attributes, calls] of cases) {
    it(`are ${calls === 0 ? "left out" : "called"} when ${name}`, async () => {
      bench.store.create("namespaces", {
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name: "web", labels: { team: "web" } },
      });
      bench.configure("Mutating", "m", webhook("a", change));
      await bench.mutate({ ...aWrite(), ...attributes });
      assert.equal(called.length, calls);
    });
  }

  it("may hand fields to another owner, but not leave ownership that nobody can read", async () => {
    const entry = {
      manager: "webhook",
      operation: "Update",
      apiVersion: "apps/v1",
      fieldsType: "FieldsV1",
      fieldsV1: {},
    };
    const object = {
      ...aDeployment(),
      metadata: { ...aDeployment().metadata, managedFields: [{ ...entry, manager: "me" }] },
    };
    const owners = async (entries: unknown[]) => {
      server.respond = () => ({
        response: jsonPatch({ op: "replace", path: "/metadata/managedFields", value: entries }),
      });
      const result = await bench.mutate(aWrite({ object: object as KubeObject }));
      return result?.metadata.managedFields?.map(({ manager }) => manager);
    };
    bench.configure("Mutating", "m", webhook("a"));
    assert.deepEqual(await owners([entry]), ["webhook"]);
    assert.equal(await owners([]), undefined);
    assert.deepEqual(await owners([{ manager: "webhook", operation: "Bad" }]), ["me"]);
  });

  it("are never asked about webhook configurations", async () => {
    const everything = { operations: ["*"], apiGroups: ["*"], apiVersions: ["*"], resources: ["*/*"] };
    bench.configure("Mutating", "m", webhook("a", { rules: [everything] }));
    await bench.mutate(aWrite({ resource: resourceNamed("mutatingwebhookconfigurations"), object: aDeployment() }));
    assert.deepEqual(called, []);
  });

  it("see the version they registered for, and their patch is taken back to that of the request", async () => {
    const rules = [{ operations: ["*"], apiGroups: ["autoscaling"], apiVersions: ["v2"], resources: ["*"] }];
    bench.configure("Mutating", "m", webhook("a", { rules }));
    server.respond = (request) => {
      assert.deepEqual([request.kind.version, request.requestKind.version], ["v2", "v1"]);
      assert.equal(request.object?.apiVersion, "autoscaling/v2");
      return { response: jsonPatch({ op: "replace", path: "/spec/minReplicas", value: 3 }) };
    };
    const object: KubeObject = {
      apiVersion: "autoscaling/v1",
      kind: "HorizontalPodAutoscaler",
      metadata: { name: "podinfo", namespace: "test" },
      spec: {
        scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "podinfo" },
        minReplicas: 1,
        maxReplicas: 4,
      },
    };
    const result = await bench.mutate(aWrite({ resource: resourceNamed("horizontalpodautoscalers"), object }));
    assert.deepEqual([result?.apiVersion, result?.["spec"].minReplicas], ["autoscaling/v1", 3]);
  });

  describe("that cannot be reached", () => {
    const prefix = 'Internal error occurred: failed calling webhook "a.example.com": failed to call webhook: ';

    const failure = async (change: Record<string, unknown>): Promise<string> => {
      bench.configure("Mutating", "m", webhook("a", change));
      const error = await refusal(bench.mutate(aWrite()));
      assert.deepEqual([error.code, error.reason], [500, "InternalError"]);
      bench.configure("Mutating", "m", webhook("a", { ...change, failurePolicy: "Ignore" }));
      assert.deepEqual(await bench.mutate(aWrite()), aDeployment());
      assert.ok(error.message.startsWith(prefix), error.message);
      return error.message.slice(prefix.length);
    };

    it("because nothing listens", async () => {
      const closed = createServer().listen(0, "127.0.0.1");
      await once(closed, "listening");
      const { port } = closed.address() as { port: number };
      closed.close();
      await once(closed, "close");
      const text = await failure({ clientConfig: { url: `https://127.0.0.1:${port}/x`, caBundle: server.caBundle } });
      assert.equal(
        text,
        `Post "https://127.0.0.1:${port}/x?timeout=10s": dial tcp 127.0.0.1:${port}: connect: connection refused`,
      );
    });

    it("because it speaks no TLS", async () => {
      const plain = createServer((socket) => {
        socket.on("error", () => undefined);
        socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"));
      }).listen(0, "127.0.0.1");
      await once(plain, "listening");
      const { port } = plain.address() as { port: number };
      const text = await failure({ clientConfig: { url: `https://127.0.0.1:${port}/x`, caBundle: server.caBundle } });
      plain.close();
      assert.equal(
        text,
        `Post "https://127.0.0.1:${port}/x?timeout=10s": http: server gave HTTP response to HTTPS client`,
      );
    });

    it("because its certificate comes from elsewhere", async () => {
      const stranger = createAuthority("somebody else", new Date());
      const caBundle = Buffer.from(stranger.certificate).toString("base64");
      const text = await failure({ clientConfig: { url: `${server.url}/x`, caBundle } });
      assert.equal(
        text,
        `Post "${server.url}/x?timeout=10s": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
      );
    });

    it("because its certificate is for another name", async () => {
      const url = `https://localhost:${server.port}/x`;
      const text = await failure({ clientConfig: { url, caBundle: server.caBundle } });
      const problem = "certificate is valid for weir.weir-system.svc, not localhost";
      assert.equal(text, `Post "${url}?timeout=10s": tls: failed to verify certificate: x509: ${problem}`);
    });

    it("because its Service does not exist", async () => {
      const service = { namespace: "weir-system", name: "weir", path: "/mutate" };
      const text = await failure({ clientConfig: { service, caBundle: server.caBundle } });
      assert.equal(text, 'Post "https://weir.weir-system.svc:443/mutate?timeout=10s": service "weir" not found');
    });

    it("because it takes too long", async () => {
      const held: (() => void)[] = [];
      server.respond = async () => {
        await new Promise<void>((resolve) => held.push(resolve));
        return { response: { allowed: true } };
      };
      const text = await failure({ timeoutSeconds: 1 });
      for (const release of held) release();
      assert.equal(text, `Post "${server.url}/a?timeout=1s": context deadline exceeded`);
    });

    it("because it redirects: the way there is followed without the review", async () => {
      server.respond = (request, path) => {
        if (path === "/a") return { status: 302, text: "", headers: { location: "/elsewhere" } };
        return { status: request === undefined ? 400 : 200, text: "no review" };
      };
      assert.equal(await failure({}), "the server rejected our request for an unknown reason");
      assert.deepEqual(
        server.heads.slice(0, 2).map((head) => head.method),
        ["POST", "GET"],
      );
    });
  });

  it("that ask to come back later are asked again until they answer", async () => {
    server.respond = () =>
      server.heads.length < 3
        ? { status: 429, text: "slow down", headers: { "retry-after": "0" } }
        : { response: { allowed: true } };
    bench.configure("Mutating", "m", webhook("a"));
    await bench.mutate(aWrite());
    assert.equal(server.heads.length, 3);
  });
});

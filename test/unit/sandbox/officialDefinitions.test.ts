import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { loadAll } from "js-yaml";
import { admitObject } from "../../../sandbox/apiserver/crd/customObject.ts";
import { type Definition, schemaOf } from "../../../sandbox/apiserver/crd/definition.ts";
import { definitionStrategy } from "../../../sandbox/apiserver/crd/definitionStrategy.ts";
import { resourceOf } from "../../../sandbox/apiserver/crd/resource.ts";
import type { KubeObject, Strategy } from "../../../sandbox/apiserver/types.ts";

const folder = new URL("../../../../shared/crds/", import.meta.url);
const skip = existsSync(folder) ? false : "the official definitions are not beside this repository";

const nothing: Strategy = {
  schema: () => undefined,
  prune: () => [],
  setDefaults: () => undefined,
  validate: () => [],
  prepareForCreate: () => undefined,
  prepareForUpdate: () => undefined,
};

function definitionsIn(folder: URL): Definition[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".yaml"));
  return files
    .flatMap((file) => loadAll(readFileSync(new URL(file, folder), "utf8")) as (Definition | null)[])
    .filter((object): object is Definition => object?.kind === "CustomResourceDefinition");
}

function accept(definition: Definition): void {
  const strategy = definitionStrategy(nothing);
  const object = structuredClone(definition);
  strategy.setDefaults(object, "v1");
  strategy.prepareForCreate(object);
  assert.deepEqual(strategy.validate(object, undefined, undefined), []);
  const resource = resourceOf(object);
  for (const version of resource.versions) assert.equal(resource.strategy.schema(version)?.type, "object");
}

describe("the definitions of this project", () => {
  for (const definition of definitionsIn(new URL("../../../manifests/crds/", import.meta.url))) {
    it(`${definition.metadata.name} is accepted`, () => accept(definition));
  }
});

describe("the official definitions of the routing projects", { skip }, () => {
  const all = skip === false ? definitionsIn(folder) : [];
  for (const definition of all) {
    it(`${definition.metadata.name} (${definition.spec.versions.map((each) => each.name).join(", ")}) is accepted`, () => {
      accept(definition);
    });
  }

  const schemaNamed = (name: string, version: string) => {
    const found = all.find(
      (each) => each.metadata.name === name && each.spec.versions.some((candidate) => candidate.name === version),
    );
    assert.ok(found, `${name} ${version} is among the definitions`);
    return schemaOf(found, version);
  };

  const route = (rules: unknown[]): KubeObject => ({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "podinfo", namespace: "test" },
    spec: { parentRefs: [{ name: "gateway" }], hostnames: ["app.example.com"], rules },
  });
  const backend = (name: string, weight: number) => ({ group: "", kind: "Service", name, port: 9898, weight });

  it("an HTTPRoute with two weighted backends gets its defaults and is valid", () => {
    const input = route([{ backendRefs: [backend("podinfo-primary", 90), backend("podinfo-canary", 10)] }]);
    const { object, prunedFields, errors } = admitObject(
      schemaNamed("httproutes.gateway.networking.k8s.io", "v1"),
      input,
    );
    assert.deepEqual([prunedFields, errors], [[], []]);
    assert.deepEqual(object["spec"].rules[0].matches, [{ path: { type: "PathPrefix", value: "/" } }]);
  });

  it("an HTTPRoute that breaks rules is told which", () => {
    const filters = [{ type: "RequestRedirect", requestRedirect: { statusCode: 302 } }];
    const input = route([{ filters, backendRefs: [backend("podinfo-primary", 100)] }]);
    const { errors } = admitObject(schemaNamed("httproutes.gateway.networking.k8s.io", "v1"), input);
    const texts = errors.map((error) => `${error.field}: ${error.message}`);
    assert.deepEqual(texts, [
      "spec.rules[0]: Invalid value: RequestRedirect filter must not be used together with backendRefs",
    ]);
  });

  it("a Service backend without a port is told so", () => {
    const input = route([{ backendRefs: [{ name: "podinfo-primary" }] }]);
    const { errors } = admitObject(schemaNamed("httproutes.gateway.networking.k8s.io", "v1"), input);
    const texts = errors.map((error) => `${error.field}: ${error.message}`);
    assert.deepEqual(texts, ["spec.rules[0].backendRefs[0]: Invalid value: Must have port for Service reference"]);
  });

  it("a TraefikService with weights is valid", () => {
    const { prunedFields, errors } = admitObject(schemaNamed("traefikservices.traefik.io", "v1alpha1"), {
      apiVersion: "traefik.io/v1alpha1",
      kind: "TraefikService",
      metadata: { name: "podinfo", namespace: "test" },
      spec: {
        weighted: {
          services: [
            { name: "podinfo-primary", port: 80, weight: 100 },
            { name: "podinfo-canary", port: 80, weight: 0 },
          ],
        },
      },
    });
    assert.deepEqual([prunedFields, errors], [[], []]);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { builtinResources } from "../../../../sandbox/apiserver/builtin/resources.ts";
import { OpenApiDocuments } from "../../../../sandbox/apiserver/openapi.ts";
import { Registry } from "../../../../sandbox/apiserver/registry.ts";

type Json = Record<string, unknown>;

function documents(): OpenApiDocuments {
  const registry = new Registry();
  for (const resource of builtinResources()) registry.add(resource);
  return new OpenApiDocuments(registry);
}

function read(path: string): { paths: Record<string, Json>; components: { schemas: Record<string, Json> } } {
  return JSON.parse(documents().document(path) ?? "{}");
}

function referencesIn(text: string): string[] {
  return [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, target = ""]) => target);
}

describe("OpenAPI documents", () => {
  it("every reference leads somewhere, in both versions", () => {
    const served = Object.keys(documents().index()["paths"] as Json);
    assert.ok(served.includes("apis/apps/v1"));
    for (const path of served) {
      const { schemas } = read(path).components;
      const lost = referencesIn(JSON.stringify(schemas)).filter(
        (target) => schemas[target.replace("#/components/schemas/", "")] === undefined,
      );
      assert.deepEqual(lost, [], path);
    }
    const { definitions } = documents().swagger() as { definitions: Json };
    const targets = referencesIn(JSON.stringify(definitions));
    assert.ok(targets.length > 100);
    assert.deepEqual(
      targets.filter((target) => definitions[target.replace("#/definitions/", "")] === undefined),
      [],
    );
  });

  it("lists say by which key they merge: clients compute patches from that", () => {
    const { schemas } = read("apis/apps/v1").components;
    const { properties } = schemas["io.k8s.api.apps.v1.PodSpec"] as { properties: Record<string, Json> };
    assert.deepEqual(properties["containers"], {
      type: "array",
      items: { allOf: [{ $ref: "#/components/schemas/io.k8s.api.apps.v1.Container" }] },
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
      "x-kubernetes-patch-merge-key": "name",
      "x-kubernetes-patch-strategy": "merge",
    });
  });

  it("says that built-in kinds take strategic merge patches", () => {
    const item = read("apis/apps/v1").paths["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"];
    const patch = item?.["patch"] as { requestBody: { content: Json } } | undefined;
    assert.ok(patch !== undefined && "application/strategic-merge-patch+json" in patch.requestBody.content);
  });

  it("no schema is empty: kubectl explain stumbles over that", () => {
    for (const path of Object.keys(documents().index()["paths"] as Json)) {
      assert.doesNotMatch(JSON.stringify(read(path).components.schemas), /:\{\}[,}]/, path);
    }
  });
});

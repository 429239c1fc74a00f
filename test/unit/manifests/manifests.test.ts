import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { load, loadAll } from "js-yaml";
import { interceptions, type RawObject, type Schema } from "../../../api/index.ts";
import { customResourceDefinitions } from "../../../manifests/crds.ts";
import { generated } from "../../../manifests/generate.ts";
import { routes } from "../../../server/routes.ts";

const folder = join(import.meta.dirname, "../../../manifests");
const read = (path: string) => readFileSync(join(folder, path), "utf8");

for (const [path, content] of generated()) {
  test(`manifests/${path} is what api/ says (npm run manifests)`, () => {
    assert.equal(read(path), content);
  });
}

test("kustomization.yaml names every manifest", () => {
  const { resources } = load(read("kustomization.yaml")) as { resources: string[] };
  const crds = readdirSync(join(folder, "crds")).map((file) => `crds/${file}`);
  const files = readdirSync(folder).filter((file) => file.endsWith(".yaml") && file !== "kustomization.yaml");
  assert.deepEqual(resources.toSorted(), [...crds, ...files].toSorted());
});

test("the server answers on every path that is called, and on no other", () => {
  assert.deepEqual([...routes.keys()].toSorted(), [...new Set(interceptions.map(({ path }) => path))].toSorted());
});

test("workloads and deletions fail open, writes to our own kinds fail closed", () => {
  for (const { apiGroup, operations, failurePolicy, name } of interceptions) {
    const closed = apiGroup === "flagger.app" && !operations.includes("DELETE");
    assert.equal(failurePolicy, closed ? "Fail" : "Ignore", name);
  }
});

test("what fails closed is not asked about a spec that stays as it is", () => {
  const webhooks = loadAll(read("webhooks.yaml")).flatMap(
    (configuration) =>
      (configuration as { webhooks: { failurePolicy: string; matchConditions: { name: string }[] }[] }).webhooks,
  );
  for (const { failurePolicy, matchConditions } of webhooks)
    assert.equal(
      matchConditions.some(({ name }) => name === "spec-is-new"),
      failurePolicy === "Fail",
    );
});

test("a definition fits into the annotation that kubectl apply makes of it", () => {
  for (const definition of customResourceDefinitions) {
    assert.ok(JSON.stringify(definition).length < 200_000, definition.metadata.name);
  }
});

test("kubectl get shows the columns users know, in their order", () => {
  const [version] = customResourceDefinitions[0]?.spec.versions ?? [];
  assert.deepEqual(
    version?.additionalPrinterColumns.map(({ name, priority }) => `${name}${priority === undefined ? "" : " (wide)"}`),
    [
      "Status",
      "Weight",
      "Suspended (wide)",
      "FailedChecks (wide)",
      "Interval (wide)",
      "Mirror (wide)",
      "StepWeight (wide)",
      "StepWeights (wide)",
      "MaxWeight (wide)",
      "LastTransitionTime",
    ],
  );
});

test("kubectl explain has words for every field of a Canary but the innards of Istio's policy", () => {
  const silent: string[] = [];
  const visit = (schema: Schema, path: string) => {
    if (path.includes("trafficPolicy.") || path.endsWith(".labels") || path.includes("{*}")) return;
    if (schema.description === undefined && !path.endsWith("[*]")) silent.push(path);
    for (const [name, field] of Object.entries(schema.properties ?? {})) visit(field, `${path}.${name}`);
    if (schema.items !== undefined) visit(schema.items, `${path}[*]`);
  };
  const schema = customResourceDefinitions[0]?.spec.versions[0]?.schema.openAPIV3Schema.properties;
  assert.ok(schema);
  visit(schema.spec, "spec");
  if (schema.status !== undefined) visit(schema.status, "status");
  assert.deepEqual(silent, []);
});

test("pods run without privileges, and each process has an account of its own", () => {
  for (const file of ["server.yaml", "controller.yaml"]) {
    const objects = loadAll(read(file)) as RawObject[];
    const [deployment] = objects.filter(({ kind }) => kind === "Deployment");
    assert.ok(deployment);
    const pod = (deployment["spec"] as { template: { spec: Record<string, unknown> } }).template.spec;
    assert.equal(pod["serviceAccountName"], file === "server.yaml" ? "weir-server" : "weir-controller");
    assert.deepEqual((pod["securityContext"] as Record<string, unknown>)["runAsNonRoot"], true);
  }
});

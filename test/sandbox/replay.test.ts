/** Plays what a real API server was recorded doing, request by request, and compares every answer. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { ApiServer, KubeObject } from "../../sandbox/apiserver/types.ts";
import { findRecording } from "./recording.ts";
import { replay } from "./replay.ts";

/** Scenarios, with the steps that are answered differently on purpose, or that cannot be compared, and why. */
const scenarios: Record<string, Record<number, string>> = {
  "access-reviews-and-tokens": {},
  "apply-conflict": {},
  "apply-create-update": {},
  "apply-custom-resource": {},
  "apply-errors": { 17: "the YAML parser words broken YAML in its own way" },
  "apply-list-map-keys": {},
  "apply-two-managers": {},
  configmaps: { 9: "the recorder shortened the large value" },
  "crd-deprecated-version": {},
  "crd-invalid-definitions": {},
  "crd-subresources-and-columns": {},
  "daemonset-statefulset-replicaset-defaulting": {},
  "delete-options": {
    39: "pods get no token volume: nothing in them reads it",
    41: "pods get no token volume",
    42: "pods get no token volume",
  },
  "deployment-crud": {},
  "deployment-defaulting": {},
  "dry-run": { 14: "a generated name" },
  "errors-400": {
    8: "no warning about spec when the version is refused anyway",
    19: "the quoted object has its keys in another order",
    20: "the quoted object has its keys in another order",
  },
  "errors-404": {},
  "errors-409": {},
  "errors-422": { 14: "the recorder shortened the large annotation" },
  "errors-methods-and-media-types": {
    16: "a Status in protobuf",
    28: "the recorder shortened the large body",
    29: "keys in another order",
  },
  events: { 10: "the kind is named with its group", 11: "a generated name" },
  "generation-rules": {},
  hpa: {},
  ingress: {},
  leases: {},
  "managed-fields-updates": {},
  pagination: {
    16: "a broken token made by hand",
    28: "a token made by hand",
    29: "continues the token made by hand",
  },
  "partial-object-metadata": {},
  "patch-json": { 15: "the quoted object has its keys in another order" },
  "patch-merge": {},
  "patch-strategic": {},
  "scale-ownership": {},
  "scale-subresource": { 13: "the quoted object has its keys in another order" },
  selectors: {},
  "status-subresource": {},
  "watch-basic": {},
  "watch-bookmarks": {},
  "watch-deployment-and-canary": {},
  "watch-selector-transitions": {},
  "watch-start": {},
};

const admin = { username: "admin", groups: ["system:masters"] };

/** The definitions that were there in every recording. */
async function installDefinitions(server: ApiServer): Promise<void> {
  const file = new URL("../fixtures/kube/crds.json", import.meta.url);
  const { items } = JSON.parse(readFileSync(file, "utf8")) as { items: KubeObject[] };
  const client = server.as(admin);
  for (const item of items) await client.create("customresourcedefinitions.apiextensions.k8s.io", item);
}

describe("the API server answers as it was recorded", { concurrency: 6 }, () => {
  for (const [name, exceptions] of Object.entries(scenarios)) {
    it(name, async () => {
      const recording = findRecording(name);
      assert.ok(recording, `no recording ${name}`);
      const found = await replay(recording, installDefinitions);
      const unexpected = found.filter(({ step }) => exceptions[step] === undefined);
      assert.deepEqual(unexpected, []);
      const settled = Object.keys(exceptions).filter((step) => !found.some((each) => each.step === Number(step)));
      assert.deepEqual(settled, [], "steps that are answered as recorded need no excuse");
    });
  }
});

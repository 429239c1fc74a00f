import { writeFile } from "node:fs/promises";
import { dump } from "js-yaml";
import { webhookConfiguration } from "../api/index.ts";
import { customResourceDefinitions } from "./crds.ts";
import { providersDocument } from "./providers.ts";
import { statesDocument } from "./states.ts";

const heading = "# Written by `npm run manifests` from api/. Change it there.\n";
const installed = {
  endpoint: { service: { namespace: "weir-system", name: "weir-server", port: 443 } },
  sparedNamespaces: ["kube-system", "kube-node-lease", "weir-system"],
  controllerUsers: ["system:serviceaccount:weir-system:weir-controller"],
};

/** Path from manifests/ to content: everything that follows from api/. */
export function generated(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const definition of customResourceDefinitions) {
    const { group, names } = definition.spec;
    files.set(`crds/${group}_${names.plural}.yaml`, heading + yaml(definition));
  }
  const configurations = (["mutating", "validating"] as const).map((type) => webhookConfiguration(type, installed));
  files.set("webhooks.yaml", heading + configurations.map(yaml).join("---\n"));
  files.set("../docs/PROVIDERS.md", providersDocument());
  files.set("../docs/STATES.md", statesDocument());
  return files;
}

function yaml(value: unknown): string {
  return dump(value, { noRefs: true, lineWidth: 120 });
}

if (import.meta.main) {
  for (const [path, content] of generated()) {
    await writeFile(new URL(path, import.meta.url), content);
  }
}

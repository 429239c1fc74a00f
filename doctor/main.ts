import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { loadAll } from "js-yaml";
import { messageOf, type RawObject } from "../api/index.ts";
import { createApi } from "../controller/kube/api.ts";
import { loadKubeConfig } from "../controller/kube/config.ts";
import { createTransport } from "../controller/kube/transport.ts";
import { customResourceDefinitions } from "../manifests/crds.ts";
import type { Finding } from "./facts.ts";
import { judge } from "./judge.ts";
import { readFacts } from "./read.ts";
import { rightsIn } from "./rights.ts";

const help = `usage: weir doctor [flags]

Asks the cluster whether Weir is installed completely and works, and says in plain words what is wrong and what to do.
It changes nothing: its one write is a dry run of a Canary with a mistake, which the webhook has to refuse.
Run it as somebody who may read Secrets in Weir's namespace and create SubjectAccessReviews; what it may not see it says.

  --kubeconfig FILE  how to reach the cluster (default $KUBECONFIG, the pod's service account, or ~/.kube/config)
  --namespace NAME   namespace of Weir (default weir-system)
  --json             one line of JSON for each finding
  --help             print this

Exit code 0 when nothing is broken, 1 when something is or the cluster cannot be reached.
`;

/** `weir doctor`: resolves with the exit code. Never throws. */
export async function main(args: readonly string[], version = "0.0.0"): Promise<number> {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        kubeconfig: { type: "string" },
        namespace: { type: "string", default: "weir-system" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h" },
      },
    });
    if (values.help === true) {
      process.stdout.write(help);
      return 0;
    }
    const path = values.kubeconfig === undefined ? {} : { path: values.kubeconfig };
    const cluster = await loadKubeConfig({ ...path, env: process.env });
    const transport = createTransport(cluster, { userAgent: `weir-doctor/${version}` });
    try {
      const findings = await diagnose(createApi(transport), values.namespace);
      process.stdout.write(findings.map(values.json ? jsonLine : textLine).join(""));
      return findings.some(({ verdict }) => verdict === "broken") ? 1 : 0;
    } finally {
      await transport.close();
    }
  } catch (error) {
    process.stderr.write(`weir doctor: ${messageOf(error)}\n`);
    return 1;
  }
}

/** Reads the cluster and judges what was seen. */
export async function diagnose(api: ReturnType<typeof createApi>, namespace: string): Promise<readonly Finding[]> {
  const wanted = new Map(
    customResourceDefinitions.map(({ metadata, spec }) => [metadata.name, spec.versions.map(({ name }) => name)]),
  );
  const rbac = readFileSync(join(import.meta.dirname, "../manifests/rbac.yaml"), "utf8");
  const rights = rightsIn(loadAll(rbac) as RawObject[], namespace);
  return judge(await readFacts({ api, namespace, definitionNames: [...wanted.keys()], rights }), wanted);
}

const jsonLine = (finding: Finding): string => `${JSON.stringify(finding)}\n`;

function textLine({ check, verdict, says, advice }: Finding): string {
  const line = `${verdict.padEnd(8)} ${check.padEnd(15)} ${says}\n`;
  return advice === undefined || verdict === "ok" ? line : `${line}${" ".repeat(25)}${advice}\n`;
}

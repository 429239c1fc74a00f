import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import type { Traffic } from "../../../examples/demo/traffic.ts";
import { currentKubectl, kubectlRemedy } from "../../cluster/program.ts";
import { skipLoudly } from "../../cluster/target.ts";
import { type ReleaseCluster, startWeirCluster } from "./cluster.ts";
import { isOfTheMachine } from "./manifests.ts";

const run = promisify(execFile);
const root = join(import.meta.dirname, "..", "..", "..");
const program = currentKubectl();
const skip = program === undefined ? skipLoudly("the guide by hand", kubectlRemedy) : false;

/** By hand, with an unmodified kubectl, what the guide does. */
describe("kubectl does the guide by hand", { skip }, () => {
  let cluster: ReleaseCluster;
  let traffic: readonly Traffic[] = [];

  before(async () => {
    cluster = await startWeirCluster();
    await cluster.addNamespace("test");
  });
  after(() => cluster.stop());

  async function kubectl(...args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
    const env = { ...process.env, KUBECONFIG: cluster.sandbox.kubeconfigPath, HOME: cluster.sandbox.folder };
    return await run(program ?? "", [...args], { cwd: root, env, timeout: 60_000 });
  }
  /** Cells of a table, by its headings. */
  function rows(table: string): Readonly<Record<string, string>>[] {
    const [heading = "", ...lines] = table.trimEnd().split("\n");
    const columns = [...heading.matchAll(/\S+/g)].map(({ 0: name, index }) => ({ name, index }));
    return lines.map((line) =>
      Object.fromEntries(
        columns.map(({ name, index }, at) => [name, line.slice(index, columns[at + 1]?.index).trim()]),
      ),
    );
  }
  const failed = () => traffic.flatMap(({ hits }) => hits.filter(({ ok }) => !ok));

  it("apply, and wait until the canary is initialized", async () => {
    const { stdout } = await kubectl("apply", "-f", "examples/gatewayapi");
    assert.match(stdout, /^canary\.flagger\.app\/podinfo created$/m);
    await kubectl("-n", "test", "wait", "canary/podinfo", "--for=condition=promoted", "--timeout=40s");
    traffic = [cluster.visit("www.example.com"), cluster.call("http://podinfo.test:9898/")];
    await cluster.untilTargetIsEmpty("test");
  });

  it("get canaries shows the columns that users know", async () => {
    const [row] = rows((await kubectl("get", "canaries", "--all-namespaces")).stdout);
    assert.deepEqual(Object.keys(row ?? {}), ["NAMESPACE", "NAME", "STATUS", "WEIGHT", "LASTTRANSITIONTIME"]);
    const { LASTTRANSITIONTIME: time, ...cells } = row ?? {};
    assert.deepEqual(cells, { NAMESPACE: "test", NAME: "podinfo", STATUS: "Initialized", WEIGHT: "0" });
    assert.match(time ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const [wide] = rows((await kubectl("-n", "test", "get", "canaries", "-o", "wide")).stdout);
    assert.equal(wide?.["INTERVAL"], "3s");
    assert.equal(wide?.["MAXWEIGHT"], "50");
  });

  it("set image shows the plan; the weights move; wait ends with the promotion", async () => {
    const args = ["-n", "test", "set", "image", "deployment/podinfo", "podinfod=stefanprodan/podinfo:6.0.1"];
    const { stdout, stderr } = await kubectl(...args);
    assert.equal(stdout, "deployment.apps/podinfo image updated\n");
    assert.match(stderr, /^Warning: Weir: podinfo will be released 10% → 50% by 10 every 3s/);
    await cluster.until("a share for the canary", () => (cluster.routed("test") ?? 0) > 0);
    const path = "-o=jsonpath={.spec.rules[0].backendRefs[*].weight}";
    const [primary = 0, canary = 0] = (await kubectl("-n", "test", "get", "httproute", "podinfo", path)).stdout
      .split(" ")
      .map(Number);
    assert.equal(primary + canary, 100);
    assert.ok(canary >= 10 && canary <= 50, `${canary}%`);
    await kubectl("-n", "test", "wait", "canary/podinfo", "--for=condition=promoted", "--timeout=50s");
    assert.equal(cluster.canary("test").status?.phase, "Succeeded");
    await cluster.untilTold("test", "Promotion completed!");
  });

  it("describe shows what happened, in the order in which it did", async () => {
    const { stdout } = await kubectl("-n", "test", "describe", "canary", "podinfo");
    assert.match(stdout, /^ {2}Phase: +Succeeded$/m);
    const table = stdout.slice(stdout.indexOf("Events:"));
    const told = [...table.matchAll(/^ {2}(?:Normal|Warning) +Synced +.*? +flagger +(.*)$/gm)].map(
      ([, text = ""]) => text,
    );
    assert.deepEqual(
      told.filter((message) => !isOfTheMachine(message)),
      [
        "all the metrics providers are available!",
        "Initialization done! podinfo.test",
        "New revision detected! Scaling up podinfo.test",
        "Starting canary analysis for podinfo.test",
        "Pre-rollout check smoke-test passed",
        ...[10, 20, 30, 40, 50].map((weight) => `Advance podinfo.test canary weight ${weight}`),
        "Copying podinfo.test template spec to podinfo-primary.test",
        "Routing all traffic to primary",
        "Promotion completed! Scaling down podinfo.test",
      ],
    );
  });

  it("a mistake is refused in kubectl's own words, a scale is answered with where it goes", async () => {
    const patch = '{"spec":{"analysis":{"interval":"soon"}}}';
    await assert.rejects(kubectl("-n", "test", "patch", "canary", "podinfo", "--type=merge", "-p", patch), {
      stderr: /The Canary "podinfo" is invalid: .*spec\.analysis\.interval: Invalid value: "soon": write a duration/s,
    });
    const { stderr } = await kubectl("-n", "test", "scale", "deployment", "podinfo", "--replicas=3");
    assert.match(stderr, /^Warning: Weir: podinfo is a canary: autoscaler podinfo decides/);
  });

  it("delete returns, leaves a Service and a route that lead to podinfo, and nobody notices", async () => {
    const { stdout } = await kubectl("-n", "test", "delete", "canary", "podinfo", "--timeout=40s");
    assert.match(stdout, /^canary\.flagger\.app "podinfo" deleted/);
    const kinds = "deployments,services,horizontalpodautoscalers,httproutes,canaries";
    const left = async (): Promise<readonly string[]> =>
      (await kubectl("-n", "test", "get", kinds, "-o", "name")).stdout.trim().split("\n");
    await cluster.until("the primary being gone", () => {
      return cluster.look.get("deployments.apps", "test", "podinfo-primary") === undefined;
    });
    assert.deepEqual((await left()).toSorted(), [
      "deployment.apps/podinfo",
      "horizontalpodautoscaler.autoscaling/podinfo",
      "httproute.gateway.networking.k8s.io/podinfo",
      "service/flagger-loadtester",
      "service/podinfo",
    ]);
    await Promise.all(traffic.map((each) => each.stop()));
    assert.deepEqual(failed(), []);
  });
});

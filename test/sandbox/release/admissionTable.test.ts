/** Each way of writing a target, with the real commands: what docs/ADMISSION.md says of it, in each stage of its Canary. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { fieldsOf, type RawObject } from "../../../api/index.ts";
import { type Desk, openDesk, type Seen, type Stage, withoutKubectl } from "./writing.ts";

const stays = (stored: number, asked: number) =>
  `spec.replicas of podinfo stays ${stored}: ${asked} goes to podinfo-primary, which serves`;
const released = "podinfo will be released 25% → 50% by 25 every 1h, about 2h";
const restarts = "analysis of podinfo restarts: 25% → 50% by 25 every 1h, about 2h";
const ends = "podinfo goes back to the promoted revision: the running release ends";
const held = "podinfo is paused with this change until podinfo-primary serves";

describe("what writers of a target meet", { skip: withoutKubectl }, () => {
  let desk: Desk;
  before(async () => {
    desk = await openDesk();
  });
  after(() => desk.stop());

  /** The image that the file of a namespace names, so that applying it changes no template. */
  const tagOf = (stage: Stage) => (stage === "running" ? "6.0.1" : "6.0.0");
  const file = (stage: Stage, replicas: number) => desk.file(stage, replicas, tagOf(stage));
  const piped = async (stage: Stage, replicas: number, ...args: readonly string[]): Promise<Seen> =>
    await desk.kubectl(stage, [...args, "-f", "-"], await file(stage, replicas));

  /** A write that went through, what was told, and the replicas that were stored. */
  function accepted(stage: Stage, seen: Seen, told: readonly string[], replicas: number): void {
    assert.equal(seen.exit, 0, seen.stderr);
    assert.deepEqual(seen.told, told, stage);
    assert.equal(desk.replicas(stage), replicas, stage);
  }
  const wishOf = (stage: Stage) => desk.deployment(stage).metadata.annotations?.["weir.sh/replicas"];
  const untilPrimaryHas = (replicas: number) =>
    desk.until(`${replicas} replicas of the primary`, () => {
      return fieldsOf(desk.deployment("resting", "podinfo-primary")["spec"])["replicas"] === replicas;
    });
  const untilEnded = async () => {
    await desk.untilPhase("resting", "Succeeded");
    await desk.untilTargetIsEmpty("resting");
  };
  const isUndisturbed = () => {
    const { phase, canaryWeight } = desk.canary("running").status ?? {};
    assert.deepEqual([phase, canaryWeight, desk.routed("running")], ["Progressing", 25, 25]);
  };
  const isPaused = () => assert.equal(fieldsOf(desk.deployment("early")["spec"])["paused"], true);
  const templateIsWritten = async (args: readonly string[]) => {
    for (const [stage, told] of [
      ["resting", released],
      ["running", restarts],
      ["early", held],
    ] as const) {
      const seen = await desk.kubectl(stage, args);
      assert.equal(seen.exit, 0, seen.stderr);
      assert.deepEqual(seen.told, [told]);
    }
    await desk.untilRunning("resting");
    await desk.untilRunning("running");
    isPaused();
  };

  it("client-side apply", async () => {
    accepted("resting", await piped("resting", 2, "apply"), [stays(0, 2)], 0);
    await untilPrimaryHas(2);
    accepted("running", await piped("running", 2, "apply"), [stays(1, 2)], 1);
    accepted("early", await piped("early", 2, "apply"), [], 2);
    for (const [stage, replicas] of [
      ["resting", 0],
      ["running", 1],
      ["early", 2],
    ] as const) {
      accepted(stage, await piped(stage, 2, "apply"), [], replicas);
      accepted(stage, await piped(stage, 2, "diff"), [], replicas);
    }
    isUndisturbed();
  });

  it("server-side apply by one manager", async () => {
    accepted("resting", await piped("resting", 3, "apply", "--server-side"), [stays(0, 3)], 0);
    await untilPrimaryHas(3);
    accepted("running", await piped("running", 3, "apply", "--server-side"), [stays(1, 3)], 1);
    accepted("early", await piped("early", 3, "apply", "--server-side"), [], 3);
    accepted("resting", await piped("resting", 3, "apply", "--server-side"), [], 0);
    isUndisturbed();
  });

  it("server-side apply by two managers", async () => {
    const label = (namespace: string): RawObject => ({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "podinfo", namespace, labels: { team: "blue" } },
    });
    const other = ["apply", "--server-side", "--field-manager=other"];
    for (const [stage, replicas] of [
      ["resting", 0],
      ["running", 1],
      ["early", 3],
    ] as const) {
      const both = await piped(stage, 4, ...other);
      assert.equal(both.exit, 1);
      assert.match(both.stderr, /conflicts? with "kubectl".*\.spec\.replicas/s);
      accepted(stage, await desk.kubectl(stage, [...other, "-f", "-"], label(stage)), [], replicas);
      assert.equal(desk.deployment(stage).metadata.labels?.["team"], "blue");
    }
    isUndisturbed();
  });

  it("kubectl replace", async () => {
    const stamp = desk.deployment("running").metadata.annotations?.["weir.sh/changed-at"];
    accepted("resting", await piped("resting", 5, "replace"), [stays(0, 5)], 0);
    await untilPrimaryHas(5);
    accepted("running", await piped("running", 5, "replace"), [stays(1, 5)], 1);
    accepted("early", await piped("early", 5, "replace"), [], 5);
    assert.equal(desk.deployment("running").metadata.annotations?.["weir.sh/changed-at"], stamp);
    isUndisturbed();
  });

  it("kubectl scale", async () => {
    const scale = (stage: Stage) => desk.kubectl(stage, ["scale", "deployment/podinfo", "--replicas=2"]);
    assert.deepEqual((await scale("resting")).told, [
      "podinfo is a canary: 2 goes to podinfo-primary, and podinfo back to 0",
    ]);
    await untilPrimaryHas(2);
    await desk.untilTargetIsEmpty("resting");
    const bigger = "podinfo is a canary: it has 2 until the release ends, then podinfo-primary gets them";
    accepted("running", await scale("running"), [bigger], 2);
    await desk.until("the wish noted", () => wishOf("running") === "2");
    accepted("early", await scale("early"), [], 2);
    isUndisturbed();
  });

  it("an autoscaler's write", async () => {
    const hpa = { username: "system:serviceaccount:kube-system:horizontal-pod-autoscaler", groups: ["system:masters"] };
    const scaler = desk.sandbox.apiServer.as(hpa);
    for (const stage of ["running", "early"] as const) {
      await scaler.patch("deployments.apps", stage, "podinfo", "merge", { spec: { replicas: 3 } }, "scale");
      assert.equal(desk.replicas(stage), 3);
    }
    await scaler.patch("deployments.apps", "resting", "podinfo", "merge", { spec: { replicas: 3 } }, "scale");
    await untilPrimaryHas(3);
    await desk.untilTargetIsEmpty("resting");
    isUndisturbed();
  });

  it("rollout restart", () => templateIsWritten(["rollout", "restart", "deployment/podinfo"]));

  it("rollout undo", async () => {
    const undo = (stage: Stage) => desk.kubectl(stage, ["rollout", "undo", "deployment/podinfo"]);
    assert.deepEqual((await undo("resting")).told, [ends]);
    await untilEnded();
    assert.deepEqual((await undo("running")).told, [restarts]);
    await desk.untilRunning("running");
    // Paused since the restart: there is no second revision to go back to.
    assert.match((await undo("early")).stderr, /no rollout history found/);
    assert.deepEqual((await undo("resting")).told, [released]);
    await desk.untilRunning("resting");
    assert.deepEqual((await undo("resting")).told, [ends]);
    await untilEnded();
  });

  it("set image, edit and patch", async () => {
    await templateIsWritten(["set", "image", "deployment/podinfo", "podinfod=stefanprodan/podinfo:6.0.2"]);
    const patch = '{"spec":{"template":{"metadata":{"annotations":{"note":"new"}}}}}';
    for (const [stage, told] of [
      ["resting", restarts],
      ["running", restarts],
      ["early", held],
    ] as const)
      assert.deepEqual((await desk.kubectl(stage, ["patch", "deployment/podinfo", "-p", patch])).told, [told]);
    await desk.untilRunning("resting");
    isPaused();
  });

  it("delete and create", async () => {
    const remove = async (stage: Stage) => (await desk.kubectl(stage, ["delete", "deployment/podinfo"])).told;
    const serves = "Canary podinfo releases this Deployment: podinfo-primary goes on serving; delete the Canary too";
    assert.deepEqual(await remove("early"), [
      "Canary podinfo begins with this Deployment: nothing serves in its place yet",
    ]);
    accepted("early", await piped("early", 1, "create"), [], 1);
    assert.deepEqual(await remove("running"), [serves]);
    await desk.until("no share for a canary that is gone", () => desk.routed("running") === 0);
    const again = await piped("running", 4, "create");
    assert.equal(again.exit, 0, again.stderr);
    assert.deepEqual(again.told, [stays(0, 4)]);
    // The controller brings it up as soon as it sees it: to what the release needs, not to what the file says.
    assert.ok([0, 1].includes(desk.replicas("running")), `${desk.replicas("running")} replicas`);
    await desk.untilRunning("running");
    // The resting one is in a release here: what comes back is what the primary runs, and so that release ends.
    assert.deepEqual(await remove("resting"), [serves]);
    accepted("resting", await piped("resting", 1, "create"), [stays(0, 1)], 0);
    await untilEnded();
    await untilPrimaryHas(1);
  });

  it("a Canary whose admission is off", async () => {
    await desk.kubectl("resting", ["annotate", "canary/podinfo", "weir.sh/admission=off"]);
    // The server's watch may lag behind the write: once a dry run is told nothing, it knows.
    for (let told = ["?"]; told.length > 0; )
      told = [...(await piped("resting", 6, "replace", "--dry-run=server")).told];
    const { exit, told } = await piped("resting", 6, "replace");
    assert.deepEqual([exit, told], [0, []]);
    await desk.untilTargetIsEmpty("resting");
    const primary = ["set", "env", "deployment/podinfo-primary", "NOTE=off"];
    const { exit: passed, stderr } = await desk.kubectl("resting", primary);
    assert.equal(passed, 0, stderr);
  });
});

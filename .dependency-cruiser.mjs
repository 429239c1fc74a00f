/** The arrows of docs/ARCHITECTURE.md, as rules. A room that is not named here may import only itself and packages. */
const pure = "^(api|mutators|controller/(decide|routers|workloads|scalers))/";
const only = (name, from, allowed, comment) => ({
  name,
  comment,
  severity: "error",
  from: { path: `^${from}/` },
  to: {
    path: "^(api|mutators|server|certs|controller|sandbox|loadtester|doctor|manifests|examples|test|main\\.ts)(/|$)",
    pathNot: `^(${[from, ...allowed].join("|")})/`,
  },
});
export default {
  forbidden: [
    {
      name: "no-circular",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    only("api-is-lowest", "api", [], "api imports nothing of ours"),
    only("mutators", "mutators", ["api"], "mutators are pure functions over api"),
    only(
      "server",
      "server",
      ["api", "mutators", "certs", "controller/kube"],
      "server and controller never import each other; kube is the one room that speaks to the API server",
    ),
    only("certs", "certs", ["api", "controller/kube"], "certificates are published through kube"),
    only("controller", "controller", ["api"], "server and controller never import each other"),
    only("controller-decide", "controller/decide", ["api"], "the state machine knows only the kinds"),
    only("controller-routers", "controller/routers", ["api"], "routers are pure"),
    only("controller-workloads", "controller/workloads", ["api"], "workloads are pure"),
    only("controller-scalers", "controller/scalers", ["api"], "scalers are pure"),
    only("controller-kube", "controller/kube", ["api"], "kube knows no business words"),
    only("sandbox", "sandbox", [], "the sandbox must not know what runs on it"),
    only("loadtester", "loadtester", [], "the load tester is a program of its own"),
    only(
      "doctor",
      "doctor",
      ["api", "certs", "controller/kube", "manifests"],
      "the doctor looks from outside, at what is installed",
    ),
    {
      name: "pure-rooms",
      severity: "error",
      comment: "pure rooms: no client, no express, no logger, no clock, no process",
      from: { path: pure },
      to: { dependencyTypes: ["npm", "core"], pathNot: "^(node:)?crypto$" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    exclude: { path: "^test/fixtures" },
  },
};

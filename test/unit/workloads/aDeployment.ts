import type { RawObject } from "../../../api/index.ts";

type Fields = Readonly<Record<string, unknown>>;

/** The user's Deployment `shop`, as an API server returns it. `template` replaces fields of the pod template's spec. */
export function aDeployment(
  more: { spec?: Fields; pods?: Fields; metadata?: Fields; status?: Fields } = {},
): RawObject {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "shop", namespace: "demo", uid: "d1", generation: 2, labels: { app: "shop" }, ...more.metadata },
    spec: {
      replicas: 2,
      progressDeadlineSeconds: 60,
      strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: "25%" } },
      selector: { matchLabels: { app: "shop" } },
      template: {
        metadata: { creationTimestamp: null, labels: { app: "shop" } },
        spec: {
          containers: [{ name: "shop", image: "shop:1", ports: [{ containerPort: 8080, name: "http" }] }],
          ...more.pods,
        },
      },
      ...more.spec,
    },
    ...(more.status === undefined ? {} : { status: more.status }),
  };
}

/** Volumes of pods. Sources that nothing in the sandbox mounts keep their fields without being typed. */
import type { TypeSchema } from "../../types.ts";
import { fieldRef, resourceFieldRef, resourceRequirements } from "./container.ts";
import { labelSelector, localObjectReference, objectMeta, typedLocalObjectReference } from "./meta.ts";
import {
  anything,
  bool,
  boolPointer,
  int32Pointer,
  int64Pointer,
  list,
  mapOf,
  quantity,
  struct,
  text,
  textPointer,
} from "./notation.ts";

const items = list(struct("KeyToPath", { key: textPointer, path: textPointer, mode: int32Pointer }));

const downwardFile = struct("DownwardAPIVolumeFile", {
  path: textPointer,
  fieldRef,
  resourceFieldRef,
  mode: int32Pointer,
});

const projection = (goType: string) => struct(goType, { name: text, items, optional: boolPointer });

const projectedSource = struct("VolumeProjection", {
  secret: projection("SecretProjection"),
  downwardAPI: struct("DownwardAPIProjection", { items: list(downwardFile) }),
  configMap: projection("ConfigMapProjection"),
  serviceAccountToken: struct("ServiceAccountTokenProjection", {
    audience: text,
    expirationSeconds: int64Pointer,
    path: textPointer,
  }),
  clusterTrustBundle: struct("ClusterTrustBundleProjection", {
    name: textPointer,
    signerName: textPointer,
    labelSelector,
    optional: boolPointer,
    path: textPointer,
  }),
  podCertificate: anything,
});

const dataSourceReference = struct("TypedObjectReference", {
  apiGroup: textPointer,
  kind: textPointer,
  name: textPointer,
  namespace: textPointer,
});

export const claimSpec = struct("PersistentVolumeClaimSpec", {
  accessModes: list(text),
  selector: labelSelector,
  resources: resourceRequirements,
  volumeName: text,
  storageClassName: textPointer,
  volumeMode: textPointer,
  dataSource: typedLocalObjectReference,
  dataSourceRef: dataSourceReference,
  volumeAttributesClassName: textPointer,
});

const typedSources: Record<string, TypeSchema> = {
  hostPath: struct("HostPathVolumeSource", { path: textPointer, type: textPointer }),
  emptyDir: struct("EmptyDirVolumeSource", { medium: text, sizeLimit: quantity }),
  secret: struct("SecretVolumeSource", {
    secretName: text,
    items,
    defaultMode: int32Pointer,
    optional: boolPointer,
  }),
  nfs: struct("NFSVolumeSource", { server: textPointer, path: textPointer, readOnly: bool }),
  persistentVolumeClaim: struct("PersistentVolumeClaimVolumeSource", { claimName: textPointer, readOnly: bool }),
  downwardAPI: struct("DownwardAPIVolumeSource", { items: list(downwardFile), defaultMode: int32Pointer }),
  configMap: struct("ConfigMapVolumeSource", {
    name: text,
    items,
    defaultMode: int32Pointer,
    optional: boolPointer,
  }),
  projected: struct("ProjectedVolumeSource", { sources: list(projectedSource), defaultMode: int32Pointer }),
  csi: struct("CSIVolumeSource", {
    driver: textPointer,
    readOnly: boolPointer,
    fsType: textPointer,
    volumeAttributes: mapOf(text),
    nodePublishSecretRef: localObjectReference,
  }),
  ephemeral: struct("EphemeralVolumeSource", {
    volumeClaimTemplate: struct("PersistentVolumeClaimTemplate", { metadata: objectMeta, spec: claimSpec }),
  }),
  image: struct("ImageVolumeSource", { reference: text, pullPolicy: text }),
};

const untypedSources = [
  "awsElasticBlockStore",
  "azureDisk",
  "azureFile",
  "cephfs",
  "cinder",
  "fc",
  "flexVolume",
  "flocker",
  "gcePersistentDisk",
  "gitRepo",
  "glusterfs",
  "iscsi",
  "photonPersistentDisk",
  "portworxVolume",
  "quobyte",
  "rbd",
  "scaleIO",
  "storageos",
  "vsphereVolume",
];

export const volume = struct("Volume", {
  name: textPointer,
  ...typedSources,
  ...Object.fromEntries(untypedSources.map((source) => [source, anything])),
});

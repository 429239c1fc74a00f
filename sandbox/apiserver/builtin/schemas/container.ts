/** Containers: their environment, ports, mounts, probes and security. */
import {
  atomic,
  bool,
  boolPointer,
  int32,
  int32Pointer,
  int64Pointer,
  intOrString,
  list,
  mapList,
  mapOf,
  quantity,
  struct,
  text,
  textPointer,
} from "./notation.ts";

const keySelector = (goType: string) => atomic(goType, { name: text, key: textPointer, optional: boolPointer });

export const fieldRef = atomic("ObjectFieldSelector", { apiVersion: text, fieldPath: textPointer });

export const resourceFieldRef = atomic("ResourceFieldSelector", {
  containerName: text,
  resource: textPointer,
  divisor: quantity,
});

const envVar = struct("EnvVar", {
  name: textPointer,
  value: text,
  valueFrom: struct("EnvVarSource", {
    fieldRef,
    resourceFieldRef,
    configMapKeyRef: keySelector("ConfigMapKeySelector"),
    secretKeyRef: keySelector("SecretKeySelector"),
    fileKeyRef: atomic("FileKeySelector", {
      volumeName: textPointer,
      path: textPointer,
      key: textPointer,
      optional: boolPointer,
    }),
  }),
});

const envSource = (goType: string) => struct(goType, { name: text, optional: boolPointer });

const envFromSource = struct("EnvFromSource", {
  prefix: text,
  configMapRef: envSource("ConfigMapEnvSource"),
  secretRef: envSource("SecretEnvSource"),
});

const containerPort = struct("ContainerPort", {
  name: text,
  hostPort: int32,
  containerPort: int32Pointer,
  protocol: text,
  hostIP: text,
});

export const resourceRequirements = struct("ResourceRequirements", {
  limits: mapOf(quantity),
  requests: mapOf(quantity),
  claims: mapList(["name"], struct("ResourceClaim", { name: textPointer, request: text })),
});

const httpGet = struct("HTTPGetAction", {
  path: text,
  port: intOrString,
  host: text,
  scheme: text,
  httpHeaders: list(struct("HTTPHeader", { name: textPointer, value: textPointer })),
});

const exec = struct("ExecAction", { command: list(text) });
const tcpSocket = struct("TCPSocketAction", { port: intOrString, host: text });

const probe = struct("Probe", {
  exec,
  httpGet,
  tcpSocket,
  grpc: struct("GRPCAction", { port: int32Pointer, service: textPointer }),
  initialDelaySeconds: int32,
  timeoutSeconds: int32,
  periodSeconds: int32,
  successThreshold: int32,
  failureThreshold: int32,
  terminationGracePeriodSeconds: int64Pointer,
});

const lifecycleHandler = struct("LifecycleHandler", {
  exec,
  httpGet,
  tcpSocket,
  sleep: struct("SleepAction", { seconds: int64Pointer }),
});

const securityContext = struct("SecurityContext", {
  capabilities: struct("Capabilities", { add: list(text), drop: list(text) }),
  privileged: boolPointer,
  seLinuxOptions: struct("SELinuxOptions", { user: text, role: text, type: text, level: text }),
  windowsOptions: struct("WindowsSecurityContextOptions", {
    gmsaCredentialSpecName: textPointer,
    gmsaCredentialSpec: textPointer,
    runAsUserName: textPointer,
    hostProcess: boolPointer,
  }),
  runAsUser: int64Pointer,
  runAsGroup: int64Pointer,
  runAsNonRoot: boolPointer,
  readOnlyRootFilesystem: boolPointer,
  allowPrivilegeEscalation: boolPointer,
  procMount: textPointer,
  seccompProfile: struct("SeccompProfile", { type: textPointer, localhostProfile: textPointer }),
  appArmorProfile: struct("AppArmorProfile", { type: textPointer, localhostProfile: textPointer }),
});

const volumeMount = struct("VolumeMount", {
  name: textPointer,
  readOnly: bool,
  recursiveReadOnly: textPointer,
  mountPath: textPointer,
  subPath: text,
  mountPropagation: textPointer,
  subPathExpr: text,
});

const containerFields = {
  name: textPointer,
  image: text,
  command: list(text),
  args: list(text),
  workingDir: text,
  ports: mapList(["containerPort", "protocol"], containerPort, { keyDefaults: { protocol: "TCP" } }),
  envFrom: list(envFromSource),
  env: mapList(["name"], envVar),
  resources: resourceRequirements,
  resizePolicy: list(struct("ContainerResizePolicy", { resourceName: textPointer, restartPolicy: textPointer })),
  restartPolicy: textPointer,
  restartPolicyRules: list(
    struct("ContainerRestartRule", {
      action: text,
      exitCodes: struct("ContainerRestartRuleOnExitCodes", { operator: text, values: list(int32) }),
    }),
  ),
  volumeMounts: mapList(["mountPath"], volumeMount),
  volumeDevices: mapList(["devicePath"], struct("VolumeDevice", { name: textPointer, devicePath: textPointer })),
  livenessProbe: probe,
  readinessProbe: probe,
  startupProbe: probe,
  lifecycle: struct("Lifecycle", {
    postStart: lifecycleHandler,
    preStop: lifecycleHandler,
    stopSignal: textPointer,
  }),
  terminationMessagePath: text,
  terminationMessagePolicy: text,
  imagePullPolicy: text,
  securityContext,
  stdin: bool,
  stdinOnce: bool,
  tty: bool,
};

export const container = struct("Container", containerFields);
export const ephemeralContainer = struct("EphemeralContainer", { ...containerFields, targetContainerName: text });

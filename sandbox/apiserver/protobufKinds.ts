/**
 * The wire numbers of the fields that `kubectl create` and its like send in protobuf. One line per message:
 * `number name type`, comma-separated. Types: s string, i integer, b boolean, y bytes, or a message; `[]` repeated,
 * `{}` map with string keys; `!` keeps a zero (pointers in Go), which is otherwise the same as absent.
 */
const messages: Record<string, string> = {
  ObjectMeta:
    "1 name s,2 generateName s,3 namespace s,5 uid s,6 resourceVersion s,11 labels s{},12 annotations s{},13 ownerReferences OwnerReference[],14 finalizers s[]",
  OwnerReference: "1 kind s,3 name s,4 uid s,5 apiVersion s,6 controller b!,7 blockOwnerDeletion b!",
  LabelSelector: "1 matchLabels s{},2 matchExpressions Requirement[]",
  Requirement: "1 key s,2 operator s,3 values s[]",
  LocalReference: "1 name s",
  ObjectReference: "1 kind s,2 namespace s,3 name s,4 uid s,5 apiVersion s,6 resourceVersion s,7 fieldPath s",

  Namespace: "1 metadata ObjectMeta,2 spec NamespaceSpec",
  NamespaceSpec: "1 finalizers s[]",
  ConfigMap: "1 metadata ObjectMeta,2 data s{},3 binaryData y{},4 immutable b!",
  Secret: "1 metadata ObjectMeta,2 data y{},3 type s,4 stringData s{},5 immutable b!",
  ServiceAccount:
    "1 metadata ObjectMeta,2 secrets ObjectReference[],3 imagePullSecrets LocalReference[],4 automountServiceAccountToken b!",

  Deployment: "1 metadata ObjectMeta,2 spec DeploymentSpec",
  DeploymentSpec:
    "1 replicas i!,2 selector LabelSelector,3 template PodTemplateSpec,4 strategy DeploymentStrategy,5 minReadySeconds i,6 revisionHistoryLimit i!,7 paused b,9 progressDeadlineSeconds i!",
  DeploymentStrategy: "1 type s,2 rollingUpdate RollingUpdate",
  RollingUpdate: "1 maxUnavailable IntOrString,2 maxSurge IntOrString",
  IntOrString: "1 type i,2 intVal i,3 strVal s",
  PodTemplateSpec: "1 metadata ObjectMeta,2 spec PodSpec",
  Pod: "1 metadata ObjectMeta,2 spec PodSpec",
  PodSpec:
    "2 containers Container[],3 restartPolicy s,4 terminationGracePeriodSeconds i!,5 activeDeadlineSeconds i!,6 dnsPolicy s,7 nodeSelector s{},8 serviceAccountName s,10 nodeName s,11 hostNetwork b,15 imagePullSecrets LocalReference[],16 hostname s,17 subdomain s,19 schedulerName s,20 initContainers Container[]",
  Container:
    "1 name s,2 image s,3 command s[],4 args s[],5 workingDir s,6 ports ContainerPort[],7 env EnvVar[],8 resources Resources,13 terminationMessagePath s,14 imagePullPolicy s,16 stdin b,17 stdinOnce b,18 tty b,20 terminationMessagePolicy s",
  ContainerPort: "1 name s,2 hostPort i,3 containerPort i,4 protocol s,5 hostIP s",
  EnvVar: "1 name s,2 value s",
  Resources: "1 limits Quantity{},2 requests Quantity{}",
  Quantity: "1 string s",

  Service: "1 metadata ObjectMeta,2 spec ServiceSpec",
  ServiceSpec:
    "1 ports ServicePort[],2 selector s{},3 clusterIP s,4 type s,5 externalIPs s[],7 sessionAffinity s,8 loadBalancerIP s,10 externalName s,18 clusterIPs s[]",
  ServicePort: "1 name s,2 protocol s,3 port i,4 targetPort IntOrString,5 nodePort i,6 appProtocol s!",

  "HorizontalPodAutoscaler autoscaling/v1": "1 metadata ObjectMeta,2 spec ScalerV1Spec",
  ScalerV1Spec: "1 scaleTargetRef CrossReference,2 minReplicas i!,3 maxReplicas i,4 targetCPUUtilizationPercentage i!",
  "HorizontalPodAutoscaler autoscaling/v2": "1 metadata ObjectMeta,2 spec ScalerV2Spec",
  ScalerV2Spec: "1 scaleTargetRef CrossReference,2 minReplicas i!,3 maxReplicas i,4 metrics MetricSpec[]",
  CrossReference: "1 kind s,2 name s,3 apiVersion s",
  MetricSpec: "1 type s,4 resource ResourceMetric",
  ResourceMetric: "1 name s,2 target MetricTarget",
  MetricTarget: "1 type s,2 value Quantity,3 averageValue Quantity,4 averageUtilization i!",

  Role: "1 metadata ObjectMeta,2 rules PolicyRule[]",
  ClusterRole: "1 metadata ObjectMeta,2 rules PolicyRule[]",
  PolicyRule: "1 verbs s[],2 apiGroups s[],3 resources s[],4 resourceNames s[],5 nonResourceURLs s[]",
  RoleBinding: "1 metadata ObjectMeta,2 subjects Subject[],3 roleRef RoleRef",
  ClusterRoleBinding: "1 metadata ObjectMeta,2 subjects Subject[],3 roleRef RoleRef",
  Subject: "1 kind s,2 apiGroup s,3 name s,4 namespace s",
  RoleRef: "1 apiGroup s,2 kind s,3 name s",

  SelfSubjectAccessReview: "1 metadata ObjectMeta,2 spec AccessSpec",
  AccessSpec: "1 resourceAttributes ResourceAttributes,2 nonResourceAttributes PathAttributes",
  ResourceAttributes: "1 namespace s,2 verb s,3 group s,4 version s,5 resource s,6 subresource s,7 name s",
  PathAttributes: "1 path s,2 verb s",
  SelfSubjectRulesReview: "1 metadata ObjectMeta,2 spec RulesSpec",
  RulesSpec: "1 namespace s",
  SelfSubjectReview: "1 metadata ObjectMeta",
  TokenRequest: "1 metadata ObjectMeta,2 spec TokenSpec",
  TokenSpec: "1 audiences s[],3 boundObjectRef BoundReference,4 expirationSeconds i!",
  BoundReference: "1 kind s,2 apiVersion s,3 name s,4 uid s",
  DeleteOptions:
    "1 gracePeriodSeconds i!,2 preconditions Preconditions,3 orphanDependents b!,4 propagationPolicy s,5 dryRun s[]",
  Preconditions: "1 uid s,2 resourceVersion s",
};

export interface ProtobufField {
  readonly name: string;
  /** `s`, `i`, `b`, `y`, or the name of a message. */
  readonly type: string;
  readonly shape: "one" | "list" | "map";
  readonly keepZero: boolean;
}

const parsed = new Map<string, ReadonlyMap<number, ProtobufField>>();

/** Fields of a message by wire number; undefined when its kind is never sent by the clients we know. */
export function fieldsOfMessage(name: string): ReadonlyMap<number, ProtobufField> | undefined {
  const text = messages[name];
  if (text === undefined) return undefined;
  const known = parsed.get(name) ?? new Map(text.split(",").map(parseField));
  parsed.set(name, known);
  return known;
}

function parseField(text: string): [number, ProtobufField] {
  const [number, name = "", type = "s"] = text.split(" ");
  const shape = type.includes("[]") ? "list" : type.includes("{}") ? "map" : "one";
  const bare = type.replace(/\[\]|\{\}|!/g, "");
  return [Number(number), { name, type: bare, shape, keepZero: type.endsWith("!") }];
}

/**
 * The known texts of events. People grep for them and have alerts on them, so every word stays.
 * `at` is `name.namespace`, as all of them print it.
 */

/** Every event carries this reason; tools filter by it. */
export const eventReason = "Synced";

function at(name: string, namespace: string): string {
  return `${name}.${namespace}`;
}

export const eventText = {
  suspended: () => "skipping canary run as object is suspended",
  metricsAvailable: () => "all the metrics providers are available!",
  metricsUnavailable: (error: string) => `Error checking metric providers: ${error}`,
  initScaleDownFailed: (kind: string, target: string, ns: string, error: string) =>
    `scaling down canary ${kind} ${at(target, ns)} failed: ${error}`,
  initialized: (canary: string, ns: string) => `Initialization done! ${at(canary, ns)}`,
  confirmRolloutPassed: (hook: string) => `Confirm-rollout check ${hook} passed`,
  waitingForApproval: (canary: string, ns: string, hook: string) =>
    `Halt ${at(canary, ns)} advancement waiting for approval ${hook}`,
  newRevision: (target: string, ns: string) => `New revision detected! Scaling up ${at(target, ns)}`,
  restartingAnalysis: (target: string, ns: string) =>
    `New revision detected! Restarting analysis for ${at(target, ns)}`,
  startingAnalysis: (target: string, ns: string) => `Starting canary analysis for ${at(target, ns)}`,
  preRolloutPassed: (hook: string) => `Pre-rollout check ${hook} passed`,
  preRolloutFailed: (canary: string, ns: string, hook: string, error: string) =>
    `Halt ${at(canary, ns)} advancement pre-rollout check ${hook} failed ${error}`,
  rolloutHookFailed: (canary: string, ns: string, hook: string, error: string) =>
    `Halt ${at(canary, ns)} advancement external check ${hook} failed ${error}`,
  confirmTrafficIncreasePassed: (hook: string) => `Confirm-traffic-increase check ${hook} passed`,
  waitingForTrafficIncrease: (canary: string, ns: string, hook: string) =>
    `Halt ${at(canary, ns)} advancement waiting for traffic increase approval ${hook}`,
  advanceWeight: (canary: string, ns: string, weight: number) => `Advance ${at(canary, ns)} canary weight ${weight}`,
  advanceIteration: (canary: string, ns: string, iteration: number, iterations: number) =>
    `Advance ${at(canary, ns)} canary iteration ${iteration}/${iterations}`,
  routingAllToCanary: () => "Routing all traffic to canary",
  stopMirroring: () => "Stop traffic mirroring and route all traffic to canary",
  confirmPromotionPassed: (hook: string) => `Confirm-promotion check ${hook} passed`,
  waitingForPromotion: (canary: string, ns: string, hook: string) =>
    `Halt ${at(canary, ns)} advancement waiting for promotion approval ${hook}`,
  copyingTemplate: (target: string, ns: string) =>
    `Copying ${at(target, ns)} template spec to ${at(`${target}-primary`, ns)}`,
  routingAllToPrimary: () => "Routing all traffic to primary",
  advancePrimaryWeight: (canary: string, ns: string, weight: number) =>
    `Advance ${at(canary, ns)} primary weight ${weight}`,
  promotionCompleted: (target: string, ns: string) => `Promotion completed! Scaling down ${at(target, ns)}`,
  promotionSkippedAnalysis: (target: string, ns: string) =>
    `Promotion completed! Canary analysis was skipped for ${at(target, ns)}`,
  postRolloutPassed: (hook: string) => `Post-rollout check ${hook} passed`,
  postRolloutFailed: (hook: string, error: string) => `Post-rollout hook ${hook} failed ${error}`,
  putBack: (kind: string, name: string, ns: string, deleted: boolean) =>
    `${kind} ${at(name, ns)} was ${deleted ? "deleted" : "changed"}: put back`,
  weightsPutBack: (route: string, ns: string, canaryWeight: number, planned: number) =>
    `The route of ${at(route, ns)} gave the canary ${canaryWeight}% where ${planned}% is planned: put back`,
  primaryPutBack: (target: string, ns: string) =>
    `The template of ${at(`${target}-primary`, ns)} was changed: put back to the promoted revision`,
  primaryAltered: (target: string, ns: string) =>
    `The template of ${at(`${target}-primary`, ns)} was changed, and ${target} holds another revision than the promoted one: release a revision, or set ${target} back to it, to put ${target}-primary right`,
  heldBack: (target: string, ns: string) =>
    `${at(target, ns)} was changed before ${target}-primary serves: paused until it does, pods that were replaced already stay`,
  scaledAtRest: (target: string, ns: string, replicas: number) =>
    `${at(target, ns)} was scaled to ${replicas} at rest: that goes to ${target}-primary, and ${target} back to 0`,
  scaledInRelease: (target: string, ns: string, replicas: number) =>
    `${at(target, ns)} was scaled to ${replicas} during its release: ${target}-primary gets that when it ends`,
  scaledAway: (target: string, ns: string, replicas: number) =>
    `${at(target, ns)} was scaled to 0 while it serves: back to ${replicas}`,
  scaledDespite: (target: string, ns: string, replicas: number, scaler: string) =>
    `${at(target, ns)} was scaled to ${replicas} at rest: autoscaler ${scaler} decides, and ${target} is back at 0`,
  eventHookFailed: (hook: string, error: string) => `Event hook ${hook} failed ${error}`,
  alertFailed: (alert: string, provider: string, error: string) => `Alert ${alert} to ${provider} failed: ${error}`,
  rollbackNotSignaled: (hook: string) => `Rollback hook ${hook} not signaling a rollback`,
  rollbackPassed: (hook: string) => `Rollback check ${hook} passed`,
  rollingBackManually: (canary: string, ns: string) => `Rolling back ${at(canary, ns)} manual webhook invoked`,
  rollingBackThreshold: (canary: string, ns: string, failedChecks: number) =>
    `Rolling back ${at(canary, ns)} failed checks threshold reached ${failedChecks}`,
  rollingBackDeadline: (canary: string, ns: string, error: string) =>
    `Rolling back ${at(canary, ns)} progress deadline exceeded ${error}`,
  canaryFailed: (canary: string, ns: string) => `Canary failed! Scaling down ${at(canary, ns)}`,
  promotionFailed: (target: string, ns: string, error: string) =>
    `Promotion of ${at(target, ns)} failed, primary not ready: ${error}`,
  abTestingUnsupported: () => "A/B testing is not supported when using the kubernetes provider",
  progressiveTrafficUnsupported: () => "Progressive traffic is not supported when using the kubernetes provider",
  settingIterations: () => "Setting canaryAnalysis.iterations: 10",
  terminating: (canary: string, ns: string) => `Terminating canary ${at(canary, ns)}`,
  terminated: (canary: string, ns: string) => `Terminated canary ${at(canary, ns)}`,
  primaryNotReady: (target: string, ns: string, why: string) => `${at(`${target}-primary`, ns)} not ready: ${why}`,
  primaryDaemonSetNotReady: (target: string, ns: string, why: string) =>
    `primary daemonset ${at(`${target}-primary`, ns)} not ready: ${why}`,
  primaryOfKindNotReady: (kind: string, target: string, ns: string, why: string) =>
    `primary of ${kind.toLowerCase()} ${at(target, ns)} not ready: ${why}`,
  canaryOfKindNotReady: (kind: string, target: string, ns: string, why: string) =>
    `canary ${kind.toLowerCase()} ${at(target, ns)} not ready: ${why}`,
  canaryDaemonSetNotReady: (target: string, ns: string, retryable: boolean, why: string) =>
    `canary damonset ${at(target, ns)} not ready with retryable ${retryable}: ${why}`,
} as const;

/** The known texts of alerts. */
export const alertText = {
  initialized: (kind: string) => `New ${kind} detected, initialization completed.`,
  newRevision: () => "New revision detected, progressing canary analysis.",
  waitingForApproval: () => "Canary is waiting for approval.",
  waitingForTrafficIncrease: () => "Canary traffic increase is waiting for approval.",
  waitingForPromotion: () => "Canary promotion is waiting for approval.",
  rolledBackManually: () => "Rolling back manual webhook invoked",
  failedChecks: (count: number) => `Failed checks threshold reached ${count}`,
  promotionFailed: (error: string) => `Promotion failed, primary not ready: ${error}`,
  deadlineExceeded: (error: string) => `Progress deadline exceeded ${error}`,
  succeeded: () => "Canary analysis completed successfully, promotion finished.",
  analysisSkipped: () => "Canary analysis was skipped, promotion finished.",
} as const;

/** Texts of checks that failed. All are warnings. */
export const checkText = {
  noSuccessRate: (provider: string, target: string, ns: string, error: string) =>
    `Halt advancement no values found for ${provider} metric request-success-rate probably ${at(target, ns)} is not receiving traffic: ${error}`,
  noDuration: (provider: string, target: string, ns: string) =>
    `Halt advancement no values found for ${provider} metric request-duration probably ${at(target, ns)} is not receiving traffic`,
  queryFailed: (error: string) => `Prometheus query failed: ${error}`,
  successRateLow: (canary: string, ns: string, value: number, min: number) =>
    `Halt ${at(canary, ns)} advancement success rate ${value.toFixed(2)}% < ${min}%`,
  successRateHigh: (canary: string, ns: string, value: number, max: number) =>
    `Halt ${at(canary, ns)} advancement success rate ${value.toFixed(2)}% > ${max}%`,
  durationLow: (canary: string, ns: string, value: string, min: string) =>
    `Halt ${at(canary, ns)} advancement request duration ${value} < ${min}`,
  durationHigh: (canary: string, ns: string, value: string, max: string) =>
    `Halt ${at(canary, ns)} advancement request duration ${value} > ${max}`,
  noInlineValues: (name: string) => `Halt advancement no values found for metric: ${name}`,
  inlineFailed: (name: string, error: string) => `Prometheus query failed for ${name}: ${error}`,
  metricLow: (canary: string, ns: string, name: string, value: number, min: number) =>
    `Halt ${at(canary, ns)} advancement ${name} ${value.toFixed(2)} < ${min}`,
  metricHigh: (canary: string, ns: string, name: string, value: number, max: number) =>
    `Halt ${at(canary, ns)} advancement ${name} ${value.toFixed(2)} > ${max}`,
  noCustomValues: (name: string, error: string) =>
    `Halt advancement no values found for custom metric: ${name}: ${error}`,
  customFailed: (name: string, error: string) => `Metric query failed for ${name}: ${error}`,
  nothingUsable: () => "Metric query failed for no usable metrics template and query were configured",
  templateFailed: (template: string, ns: string, error: string) =>
    `Metric template ${at(template, ns)} error: ${error}`,
  templateSecretFailed: (template: string, ns: string, secret: string, error: string) =>
    `Metric template ${at(template, ns)} secret ${secret} error: ${error}`,
  templateProviderFailed: (template: string, ns: string, type: string, error: string) =>
    `Metric template ${at(template, ns)} provider ${type} error: ${error}`,
  templateRenderFailed: (template: string, ns: string, error: string) =>
    `Metric template ${at(template, ns)} query render error: ${error}`,
  clientFailed: (url: string, error: string) => `Error building Prometheus client for ${url} ${error}`,
} as const;

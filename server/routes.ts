import { validateAlertProvider } from "../mutators/alertProvider.ts";
import { mutateAutoscaler } from "../mutators/autoscaler.ts";
import { mutateCanary, validateCanary } from "../mutators/canary.ts";
import { mutateDaemonSet } from "../mutators/daemonSet.ts";
import { warnOfDeletion } from "../mutators/deletion.ts";
import { mutateDeployment } from "../mutators/deployment.ts";
import { mutateKnative } from "../mutators/knative.ts";
import { validateMetricTemplate } from "../mutators/metricTemplate.ts";
import { mutateRoute } from "../mutators/route.ts";
import { mutateScale } from "../mutators/scale.ts";
import { mutateService } from "../mutators/service.ts";
import type { Mutator } from "../mutators/types.ts";

/** One path per purpose. A test holds them against what the webhook configurations call. */
export const routes: ReadonlyMap<string, Mutator> = new Map([
  ["/mutate/deployments", mutateDeployment],
  ["/mutate/daemonsets", mutateDaemonSet],
  ["/mutate/scale", mutateScale],
  ["/mutate/services", mutateService],
  ["/mutate/autoscalers", mutateAutoscaler],
  ["/mutate/routes", mutateRoute],
  ["/mutate/knative", mutateKnative],
  ["/mutate/canaries", mutateCanary],
  ["/mutate/metrictemplates", validateMetricTemplate],
  ["/mutate/alertproviders", validateAlertProvider],
  ["/validate/canaries", validateCanary],
  ["/validate/metrictemplates", validateMetricTemplate],
  ["/validate/alertproviders", validateAlertProvider],
  ["/validate/deletions", warnOfDeletion],
]);

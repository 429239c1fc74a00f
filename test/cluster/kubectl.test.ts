/**
 * Commands of the kubectl in PATH against the cluster of `WEIR_TEST_KUBECONFIG` or a sandbox: they must print what they
 * were recorded printing against a real API server.
 */
import { describeStories } from "./kubectl/suite.ts";

describeStories("the current kubectl", "kubectl", "install kubectl (Debian: kubernetes-client)");

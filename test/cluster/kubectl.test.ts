/**
 * Commands of a current kubectl against the cluster under test: they must print what they were recorded printing
 * against a real API server.
 */
import { describeStories } from "./kubectl/suite.ts";
import { currentKubectl, kubectlRemedy } from "./program.ts";

describeStories("the current kubectl", currentKubectl(), kubectlRemedy);

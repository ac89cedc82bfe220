// Configuration: from a YAML file to checked values, or to everything that is wrong with it.

export type * from "./configuration.ts";
export { permissions } from "./configuration.ts";
export { configurationDifference } from "./difference.ts";
export { configurationFrom, loadConfiguration } from "./load.ts";
export type { LoadedConfiguration, LoadOptions } from "./load.ts";
export { covers, namesKey } from "./patterns.ts";
export { readCertificates } from "./pem.ts";
export { ConfigurationError } from "./problem.ts";
export type { Problem } from "./problem.ts";
export { report } from "./report.ts";

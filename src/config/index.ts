// Configuration: from a YAML file to checked values, or to everything that is wrong with it.

export { readApproverKeys } from "./approver-keys.ts";
export { conditionText, nameAttribute, parseCondition } from "./condition.ts";
export type { Condition } from "./condition.ts";
export type * from "./configuration.ts";
export { permissions } from "./configuration.ts";
export { configurationDifference } from "./difference.ts";
export { configurationFrom, loadConfiguration } from "./load.ts";
export type { LoadedConfiguration, LoadOptions } from "./load.ts";
export { bringsContext, covers, namesKey } from "./patterns.ts";
export { parseKeySet, readKeySet } from "./key-set.ts";
export type { KeySet } from "./key-set.ts";
export { PemError, readCertificates } from "./pem.ts";
export { ConfigurationError } from "./problem.ts";
export type { Path, Problem } from "./problem.ts";
export { report } from "./report.ts";
export { readRevocationLists } from "./revocation-lists.ts";
export type { RevocationList } from "./revocation-lists.ts";
export { watchFiles } from "./watch-files.ts";
export { grantText, quotaText, windowText } from "./terms.ts";

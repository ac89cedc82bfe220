// Doctor: looks at everything that a daemon with this configuration will need, and says what to do about what is wrong.

export type { Diagnosis } from "./diagnosis.ts";
export { examineConfiguration } from "./examine-configuration.ts";
export type { ConfigurationSource } from "./examine-configuration.ts";
export { examineProvider } from "./examine-provider.ts";
export type { Examination } from "./examine-provider.ts";

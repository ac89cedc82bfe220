// The gRPC front door.

export { adminServiceDescriptions, adminServices } from "./admin/services.ts";
export type { CallerOf } from "./adapt.ts";
export { keyService } from "./key-service.ts";
export type { Door } from "./key-service.ts";

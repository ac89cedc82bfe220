// The child's program: it serves one provider over the pipe on descriptor 3, and ends with the daemon.

import { Socket } from "node:net";
import { serve } from "./serve.ts";

const pipeDescriptor = 3;

// A service manager, and a terminal, signal the whole group: the daemon alone decides, and drains first.
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, () => undefined);

serve(new Socket({ fd: pipeDescriptor, readable: true, writable: true }));

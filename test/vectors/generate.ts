// Adds golden vectors: node test/vectors/generate.ts. Those that are there never change: it refuses to.

import { addVectors } from "./freeze.ts";
import { frozenList, goldenFiles, goldenFolder } from "./vectors.ts";

const added = addVectors({ folder: goldenFolder, list: frozenList }, goldenFiles());
console.log(`${added.length} vectors added to ${goldenFolder}`);

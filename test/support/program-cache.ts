import { compileCacheVariable } from "./compile-cache.ts";
import { programCacheVariable } from "./server-program.ts";

// Set-up file of the projects that start the service. Its processes keep what they compile beside the bundle. A bundle has
// a new path in each run: in the cache of the test processes, nobody would find its code again.
const folder = process.env[programCacheVariable];
if (folder !== undefined) process.env[compileCacheVariable] = folder;

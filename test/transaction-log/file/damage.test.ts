import { damageSuite } from "./damage-suite.ts";

damageSuite(10);

import { rounds } from "../../support/random.ts";
import { compareWithProtobufEs } from "./compare-codecs.ts";

compareWithProtobufEs(1_000 * rounds);

import { Version } from "@cyclonedx/cyclonedx-library/Spec";
import { JsonStrictValidator } from "@cyclonedx/cyclonedx-library/Validation";

/** What the schema of CycloneDX 1.6 finds wrong in an SBOM, which is a JSON text; empty if nothing. */
export async function sbomErrors(sbom: string): Promise<readonly unknown[]> {
  return [(await new JsonStrictValidator(Version.v1dot6).validate(sbom)) ?? []].flat();
}

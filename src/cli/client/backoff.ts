const firstMs = 50;
const lastMs = 2000;

/**
 * The pause before the next try after `failures` failures in a row. It grows, and is random so that clients do not
 * retry together.
 */
export function backoffMs(failures: number): number {
  return Math.min(firstMs * 2 ** (failures - 1), lastMs) * (0.5 + Math.random() / 2);
}

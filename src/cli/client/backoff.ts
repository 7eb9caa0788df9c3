const firstMs = 50;
const lastMs = 2000;

/** How long to wait before the try after `failures` failures in a row: longer each time, and never the same for all clients. */
export function backoffMs(failures: number): number {
  return Math.min(firstMs * 2 ** (failures - 1), lastMs) * (0.5 + Math.random() / 2);
}

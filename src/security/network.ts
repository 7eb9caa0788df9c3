/**
 * The network that counts as one client: an IPv4 address, or the /64 of an IPv6 address, of which one client has 2^64
 * addresses. `address` is one that Node reports, or empty.
 */
export function networkOf(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const after = tail === "" ? 0 : tail.split(":").length;
    // An IPv4 address at the end stands for two groups; those of a client are reported without this form.
    const missing = 8 - groups.length - after;
    groups.push(...Array.from({ length: Math.max(0, missing) }, () => "0"), ...tail.split(":"));
  }
  return `${groups.slice(0, 4).join(":")}::/64`;
}

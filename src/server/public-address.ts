import { BlockList, isIP } from "node:net";

// IANA special-purpose registries (RFC 6890 and later): nothing here is a host of the public internet
const V4: readonly (readonly [string, number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
];
const V6_GLOBAL = ["2000::", 3] as const;
// within 2000::/3: Teredo and other protocol assignments, documentation, 6to4 (which wraps any IPv4 address)
const V6_SPECIAL: readonly (readonly [string, number])[] = [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
];

const special = new BlockList();
for (const [net, bits] of V4) special.addSubnet(net, bits, "ipv4");
for (const [net, bits] of V6_SPECIAL) special.addSubnet(net, bits, "ipv6");
const global = new BlockList();
global.addSubnet(...V6_GLOBAL, "ipv6");

/** True for an address of the public internet; false for private, loopback, link-local and reserved ones, and for no address. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !special.check(address, "ipv4");
  // an IPv4 address in IPv6 clothing lies outside 2000::/3 and is refused with the rest
  return family === 6 && global.check(address, "ipv6") && !special.check(address, "ipv6");
}

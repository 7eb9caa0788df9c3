/** The part of fs-native-extensions that is used here; it has no declarations of its own. */
declare module "fs-native-extensions" {
  /** Locks a range of a file until the descriptor is closed. False when somebody else holds it. */
  export function tryLock(
    descriptor: number,
    offset: number,
    length: number,
    options?: { readonly shared?: boolean },
  ): boolean;
}

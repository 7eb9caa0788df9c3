/** The part of fs-native-extensions that this log uses; the package has no type declarations. */
declare module "fs-native-extensions" {
  /** Locks a range of a file until the descriptor is closed. False when it is already locked. */
  export function tryLock(
    descriptor: number,
    offset: number,
    length: number,
    options?: { readonly shared?: boolean },
  ): boolean;
}

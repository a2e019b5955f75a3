import type { PictureAccess } from "./pictures.ts";

/** How a server is set up; `DEFAULT_SETTINGS` is the safe way. */
export interface ServerSettings {
  /** Keys of which a request must bring one; open to whoever reaches the port where empty. */
  readonly keys: readonly string[];
  /** Origins of pages that may call; none by default. */
  readonly allowedOrigins: readonly string[];
  /** Names by which clients may call, beside the loopback ones; any where undefined. Guards against rebound names. */
  readonly allowedHosts: readonly string[] | undefined;
  readonly maxBodyBytes: number;
  readonly maxPictures: number;
  readonly pictures: PictureAccess;
  /** Requests that may wait for a turn. */
  readonly queueLength: number;
  /** A silent stream is kept alive by a comment this often. */
  readonly pingMs: number;
  /** How long answers may go on after the server was told to stop. */
  readonly graceMs: number;
}

export const DEFAULT_SETTINGS: ServerSettings = {
  keys: [],
  allowedOrigins: [],
  allowedHosts: [],
  maxBodyBytes: 64 * 2 ** 20,
  maxPictures: 32,
  pictures: { maxBytes: 20 * 2 ** 20, maxPixels: 2 ** 26 },
  queueLength: 64,
  pingMs: 15_000,
  graceMs: 10_000,
};

import type { PartialBlob } from "./blob-store.ts";
import { type Digest, newSha256, resumeSha256, type Sha256State } from "./sha256.ts";

/** Rewrites a file while it arrives. What it stores depends on the bytes alone, not on how they were cut into chunks. */
export interface StreamTransform {
  /** Names the result: the same name must mean the same output for the same input. Letters, digits and dashes. */
  readonly name: string;
  /** Size of the result where it is known before, for the check of free space. */
  readonly expectedBytes?: number;
  /** Published bytes between two checkpoints; 8 MiB unless given. A crash costs at most that much work. */
  readonly checkpointBytes?: number;
  create(): RunningTransform;
  /** Takes up work from what `save` gave. */
  resume(state: string): RunningTransform;
}

export interface RunningTransform {
  push(chunk: Uint8Array): Uint8Array;
  finish(): Uint8Array;
  /** State as text, or undefined where it cannot be put aside just now. */
  save(): string | undefined;
}

/** Takes published bytes in order, sums them up and stores them or what is made of them. */
export interface Sink {
  /** Published bytes taken so far, those of earlier runs included. */
  readonly receivedBytes: number;
  /** Takes up what an earlier run left. */
  restore(onProgress: (checkedBytes: number) => void, signal: AbortSignal | undefined): Promise<void>;
  write(chunk: Uint8Array): Promise<void>;
  restart(): Promise<void>;
  /** Stores what is still held back and tells the checksum of the published bytes. */
  finish(): Promise<string>;
}

const REHASH_BYTES = 2 ** 22;

/** Stores bytes as they come. An earlier run's bytes are read and summed again: that proves the disk's content, which a saved sum would not. */
export function plainSink(partial: PartialBlob, newDigest: () => Digest): Sink {
  let digest = newDigest();
  let receivedBytes = 0;
  return {
    get receivedBytes() {
      return receivedBytes;
    },
    restore: async (onProgress, signal) => {
      while (receivedBytes < partial.sizeBytes) {
        signal?.throwIfAborted();
        const bytes = await partial.read(receivedBytes, Math.min(REHASH_BYTES, partial.sizeBytes - receivedBytes));
        digest.update(bytes);
        receivedBytes += bytes.byteLength;
        onProgress(receivedBytes);
      }
    },
    write: async (chunk) => {
      await partial.append(chunk);
      digest.update(chunk);
      receivedBytes += chunk.byteLength;
    },
    restart: async () => {
      await partial.truncate(0);
      digest = newDigest();
      receivedBytes = 0;
    },
    finish: async () => digest.hex(),
  };
}

const CHECKPOINT_BYTES = 2 ** 23;

interface Checkpoint {
  readonly transform: string;
  readonly receivedBytes: number;
  readonly storedBytes: number;
  readonly sha256: Sha256State;
  readonly state: string;
}

/** Stores what a transform makes of the bytes. What arrived is gone then, so the sum and the transform's state are saved every few MiB. */
export function transformSink(partial: PartialBlob, transform: StreamTransform): Sink {
  let digest = newSha256();
  let running = transform.create();
  let receivedBytes = 0;
  let savedAt = 0;
  const checkpoint = async (): Promise<void> => {
    const state = running.save();
    if (state === undefined) return;
    const storedBytes = partial.sizeBytes;
    const note: Checkpoint = { transform: transform.name, receivedBytes, storedBytes, sha256: digest.save(), state };
    await partial.saveNote(JSON.stringify(note));
    savedAt = receivedBytes;
  };
  return {
    get receivedBytes() {
      return receivedBytes;
    },
    restore: async () => {
      const found = readCheckpoint(await partial.loadNote(), transform.name);
      if (!found || found.storedBytes > partial.sizeBytes) return partial.truncate(0);
      // Bytes after the checkpoint may not have reached the disk.
      await partial.truncate(found.storedBytes);
      digest = resumeSha256(found.sha256);
      running = transform.resume(found.state);
      receivedBytes = found.receivedBytes;
      savedAt = receivedBytes;
    },
    write: async (chunk) => {
      digest.update(chunk);
      await partial.append(running.push(chunk));
      receivedBytes += chunk.byteLength;
      if (receivedBytes - savedAt >= (transform.checkpointBytes ?? CHECKPOINT_BYTES)) await checkpoint();
    },
    restart: async () => {
      await partial.truncate(0);
      await partial.saveNote("");
      digest = newSha256();
      running = transform.create();
      receivedBytes = 0;
      savedAt = 0;
    },
    finish: async () => {
      await partial.append(running.finish());
      return digest.hex();
    },
  };
}

function readCheckpoint(text: string | undefined, transform: string): Checkpoint | undefined {
  if (text === undefined) return undefined;
  try {
    const note: Checkpoint = JSON.parse(text);
    // We wrote the note ourselves in one step; a wrong guess is caught by the checksum at the end.
    return note.transform === transform && Number.isSafeInteger(note.storedBytes) ? note : undefined;
  } catch {
    return undefined;
  }
}

import type { AnswerStats, Turn } from "../engine/protocol.ts";

/** A turn with what its answer took. */
export interface KeptTurn extends Turn {
  readonly thinking?: string;
  readonly stats?: AnswerStats;
  readonly isStopped?: boolean;
}

export interface Chat {
  readonly id: string;
  readonly title: string;
  readonly changedMs: number;
  readonly turns: readonly KeptTurn[];
}

const STORE = "chats";

/** Conversations on this device, pictures included. */
export class ChatStore {
  readonly #database: Promise<IDBDatabase>;

  constructor(name = "minicpmv") {
    this.#database = openDatabase(name);
  }

  /** All of them, the latest first. */
  async list(): Promise<readonly Chat[]> {
    const chats: Chat[] = await this.#run("readonly", (store) => store.getAll());
    return chats.toSorted((a, b) => b.changedMs - a.changedMs);
  }

  async put(chat: Chat): Promise<void> {
    await this.#run("readwrite", (store) => store.put(chat));
  }

  async remove(id: string): Promise<void> {
    await this.#run("readwrite", (store) => store.delete(id));
  }

  async removeAll(): Promise<void> {
    await this.#run("readwrite", (store) => store.clear());
  }

  async #run<T>(mode: IDBTransactionMode, job: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    const database = await this.#database;
    return resultOf(job(database.transaction(STORE, mode).objectStore(STORE)));
  }
}

async function openDatabase(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name, 1);
  request.addEventListener("upgradeneeded", () => request.result.createObjectStore(STORE, { keyPath: "id" }));
  return resultOf(request);
}

function resultOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error));
  });
}

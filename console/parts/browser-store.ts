/** The stores of the browser's database, with their keys: drafts of campaigns are put under a name, texts have their own `id`. */
const stores = { "campaign-drafts": undefined, drafts: { keyPath: "id" } } as const;

/** Raise it whenever a store is added. */
const version = 2;

const resultOf = <Value>(request: IDBRequest<Value>): Promise<Value> =>
  new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error ?? new Error("IndexedDB failed")));
  });

function open(): Promise<IDBDatabase> {
  const request = indexedDB.open("tidings-console", version);
  request.addEventListener("upgradeneeded", () => {
    for (const [name, options] of Object.entries(stores))
      if (!request.result.objectStoreNames.contains(name))
        request.result.createObjectStore(name, options);
  });
  return resultOf(request);
}

/** Reads or writes a store of this browser. Rejects where the browser keeps nothing, as in some private windows. */
export async function withStore<Value>(
  name: keyof typeof stores,
  mode: IDBTransactionMode,
  work: (store: IDBObjectStore) => IDBRequest<Value>,
): Promise<Value> {
  const database = await open();
  try {
    return await resultOf(work(database.transaction(name, mode).objectStore(name)));
  } finally {
    database.close();
  }
}

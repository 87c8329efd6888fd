/**
 * Breaks the connections over which workers are notified of new rows: each dispatch that stays for more of them ends, and its workflow waits. The
 * workers connect again at once.
 * @param query executes a statement in the database of the workers
 */
export const breakListeners = (query: (sql: string) => Promise<unknown>): Promise<unknown> =>
  query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tidings-worker-listening' AND datname = current_database()",
  );

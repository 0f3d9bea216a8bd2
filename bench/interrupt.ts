let signalled: Promise<never> | undefined;
let was = false;

/** Whether the bench was told to stop. */
export function stopped(): boolean {
  return was;
}

/** Resolves as the work does; rejects when the bench is told to stop, so that what it started is ended in order. */
export function unlessStopped<T>(work: Promise<T>): Promise<T> {
  if (signalled === undefined) {
    signalled = new Promise<never>((_, reject) => {
      for (const signal of ['SIGINT', 'SIGTERM']) {
        process.on(signal, () => {
          was = true;
          reject(new Error(`stopped by ${signal}`));
        });
      }
    });
    signalled.catch(() => undefined);
  }
  work.catch(() => undefined);
  return Promise.race([work, signalled]);
}

/** Resolves as the work does, or rejects when the bench is told to stop; what it leaves to be ended is then, the last first. */
export async function endingAll<T>(work: (atEnd: (() => unknown)[]) => Promise<T>): Promise<T> {
  const atEnd: (() => unknown)[] = [];
  try {
    return await unlessStopped(work(atEnd));
  } finally {
    for (const end of atEnd.reverse()) await end();
  }
}

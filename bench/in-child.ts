/** The options that the parent gave; see child.ts. */
export function optionsOfParent<T>(): T {
  return JSON.parse(process.argv[2]) as T;
}

/**
 * Says that this process is ready, and answers what the parent asks from now on. When the parent is gone, so is this.
 *
 * @param atEnd what has to be ended in order
 */
export function answerParent<Request>(
  ready: unknown,
  answer: (request: Request) => unknown,
  atEnd: () => void | Promise<void> = () => undefined,
): void {
  process.on('message', async ({ n, request }: { n: number; request: Request }) => {
    try {
      process.send?.({ n, answer: await answer(request) });
    } catch (error) {
      process.send?.({ n, error: (error as Error).stack });
    }
  });
  // Of a terminal's Ctrl-C the parent hears too, and it ends this one when it has ended what it does.
  process.on('SIGINT', () => undefined);
  process.once('disconnect', async () => {
    await atEnd();
    process.exit();
  });
  process.send?.(ready);
}

import { readFileSync } from 'node:fs';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Begins with the files that have long tests, so that the end does not wait for one of them; by turns with a browser and without,
 * as a machine draws no three maps at a time.
 */
export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification) => readFileSync(moduleId, 'utf8').includes('support/slow.ts');
    const isDrawn = ({ moduleId }: TestSpecification) => moduleId.includes('/test/web/');
    const long = sorted.filter(isLong);
    const [drawn, others] = [long.filter(isDrawn), long.filter((file) => !isDrawn(file))];
    const byTurns = Array.from({ length: Math.max(drawn.length, others.length) }, (_, i) => [others[i], drawn[i]]);
    const rest = sorted.filter((file) => !long.includes(file));
    return [...byTurns.flat().filter((file) => file !== undefined), ...rest];
  }
}

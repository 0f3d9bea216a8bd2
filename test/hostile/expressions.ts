import { globSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { parseAst } from 'vitest/node';

/** A regular expression of the sources, and where it is. */
export interface Expression {
  readonly where: string;
  readonly regex: RegExp;
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

/** Every regular expression in the sources: literals, and those that are put together of constants of their file. */
export function expressionsOf(pattern: string): Expression[] {
  return globSync(pattern).sort().flatMap(expressionsIn);
}

function expressionsIn(file: string): Expression[] {
  // Types are replaced by blanks: every place stays where it was.
  const code = stripTypeScriptTypes(readFileSync(file, 'utf8'));
  const program = parseAst(code) as unknown as Node & { body: Node[] };
  const constants: string[] = [];
  const found: Expression[] = [];
  const add = (node: Node, regex: RegExp) => {
    found.push({ where: `${file}:${code.slice(0, node.start).split('\n').length}`, regex });
  };
  visit(program, (node) => {
    if (node.type === 'VariableDeclarator') {
      const { id, init } = node as unknown as { id: Node; init: Node | null };
      if (init?.type === 'Literal' && typeof init.value === 'string') constants.push(code.slice(id.start, node.end));
    }
    const { regex, callee } = node as { regex?: { pattern: string; flags: string }; callee?: Node };
    if (regex !== undefined) add(node, new RegExp(regex.pattern, regex.flags));
    if (callee?.type === 'Identifier' && callee.name === 'RegExp') {
      // Of what is not constant it throws: such an expression would have to be judged in another way.
      const declared = constants.map((constant) => `const ${constant};`).join('');
      add(node, new Function(`${declared} return ${code.slice(node.start, node.end)}`)());
    }
  });
  return found;
}

function visit(value: unknown, look: (node: Node) => void): void {
  if (typeof value !== 'object' || value === null) return;
  if (typeof (value as Node).type === 'string') look(value as Node);
  for (const part of Object.values(value)) visit(part, look);
}

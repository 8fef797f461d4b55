import { AppError } from '../core/errors.ts';
import { isStorable } from '../core/text.ts';

/** What braces of one glob may unfold to, and those of all globs that are held against a path. */
const maxAlternatives = 100;
const maxAlternativesInAll = 200;
/** Of them together, in characters of names and signs: with a path of 1,024, ten million steps at worst. */
const maxTokensInAll = 10_000;

/** A character of a name: itself, any one (`true`), or any of a set. `null` stands for any run of characters. */
type Token = string | true | null | ((character: string) => boolean);
/** A name between slashes; `**` stands for any run of names. */
type Segment = '**' | readonly Token[];

/** Whether one of the globs matches. Throws INVALID_INPUT as `compileGlob` does, and for globs that unfold to too many. */
export function compileGlobs(globs: readonly string[]): (path: string) => boolean {
  const all = globs.flatMap(alternativesOf);
  if (all.length > maxAlternativesInAll) {
    const message = `The braces of all patterns unfold to ${all.length}, more than ${maxAlternativesInAll}. Write fewer alternatives.`;
    throw new AppError('INVALID_INPUT', message);
  }
  const tokens = all.flat().reduce((sum, segment) => sum + segment.length, 0);
  if (tokens > maxTokensInAll) {
    const message = `All patterns, their braces written out, are ${tokens} characters long, more than ${maxTokensInAll}. Write shorter ones, or fewer.`;
    throw new AppError('INVALID_INPUT', message);
  }
  return matching(all);
}

/**
 * Compiles a glob: `*` and `?` within a name, `**` as a name of its own for any number of folders, `[a-z]`, `[!a-z]`,
 * `{a,b}`, and `\` before a character that means itself; `folder/` for all that it holds. Matching takes time in proportion to the product of the lengths
 * of glob and path at worst, whatever the glob: globs come from users, and an expression that backtracks could stall a
 * worker. Throws INVALID_INPUT for one that does not parse.
 */
export function compileGlob(glob: string): (path: string) => boolean {
  return matching(alternativesOf(glob));
}

function alternativesOf(glob: string): Segment[][] {
  // Nor could it be kept.
  if (!isStorable(glob)) throw wrong(glob, 'no name has the character U+0000 or a half of one.');
  return unfold(glob, glob).map((alternative) =>
    splitSegments(alternative).map((segment) => (segment === '**' ? segment : tokenize(segment, glob))),
  );
}

function matching(alternatives: readonly Segment[][]): (path: string) => boolean {
  return (path) => {
    const names = path.split('/').map((name) => [...name]);
    return alternatives.some((segments) => matchesNames(segments, names));
  };
}

const matchesNames = (segments: readonly Segment[], names: readonly string[][]) =>
  matchesRun<Segment, string[]>(
    segments,
    names,
    (segment) => segment === '**',
    (segment, name) => segment !== '**' && matchesName(segment, name),
  );

const matchesName = (tokens: readonly Token[], name: readonly string[]) =>
  matchesRun<Token, string>(
    tokens,
    name,
    (token) => token === null,
    (token, character) => token === character || token === true || (typeof token === 'function' && token(character)),
  );

/** Matches a run against a pattern in which some elements stand for any run: only the last of them is ever widened. */
function matchesRun<P, E>(
  pattern: readonly P[],
  elements: readonly E[],
  isRun: (part: P) => boolean,
  fits: (part: P, element: E) => boolean,
): boolean {
  let [at, index] = [0, 0];
  let [runAt, runIndex] = [-1, 0];
  while (index < elements.length) {
    const part = pattern[at];
    if (part !== undefined && isRun(part)) {
      [runAt, runIndex] = [at, index];
      at += 1;
    } else if (part !== undefined && fits(part, elements[index] as E)) {
      at += 1;
      index += 1;
    } else if (runAt !== -1) {
      runIndex += 1;
      [at, index] = [runAt + 1, runIndex];
    } else {
      return false;
    }
  }
  while (at < pattern.length && isRun(pattern[at] as P)) at += 1;
  return at === pattern.length;
}

function wrong(glob: string, rule: string): AppError {
  return new AppError('INVALID_INPUT', `'${glob.slice(0, 200)}' is not a glob: ${rule}`);
}

/** Without its braces: every choice written out. */
function unfold(text: string, glob: string): string[] {
  const open = indexOutside(text, '{', 0);
  if (open === -1) {
    if (indexOutside(text, '}', 0) !== -1) throw wrong(glob, "a '}' has no '{'; write \\} for the character itself.");
    return [text];
  }
  const stray = indexOutside(text, '}', 0);
  if (stray !== -1 && stray < open) throw wrong(glob, "a '}' has no '{'; write \\} for the character itself.");
  const { choices, end } = choicesAt(text, open, glob);
  const unfolded: string[] = [];
  for (const choice of choices) {
    unfolded.push(...unfold(text.slice(0, open) + choice + text.slice(end + 1), glob));
    if (unfolded.length > maxAlternatives)
      throw wrong(glob, `its braces unfold to more than ${maxAlternatives} globs.`);
  }
  return unfolded;
}

/** The choices of the brace at `open`, and where it closes. Braces within are left as they are. */
function choicesAt(text: string, open: number, glob: string): { choices: string[]; end: number } {
  const choices: string[] = [];
  let [depth, from] = [0, open + 1];
  for (let index = open; index < text.length; index = next(text, index)) {
    const character = text[index];
    if (character === '{') depth += 1;
    if (character === '}') depth -= 1;
    if ((depth === 1 && character === ',') || depth === 0) {
      choices.push(text.slice(from, index));
      from = index + 1;
    }
    if (depth === 0) return { choices, end: index };
  }
  throw wrong(glob, "a '{' is not closed; write \\{ for the character itself.");
}

/** Index of a character that is neither escaped nor in a set. */
function indexOutside(text: string, character: string, from: number): number {
  for (let index = from; index < text.length; index = next(text, index)) if (text[index] === character) return index;
  return -1;
}

/** Past a character, with its escape, or past a whole set. */
function next(text: string, index: number): number {
  if (text[index] === '\\') return index + 2;
  if (text[index] !== '[') return index + 1;
  const end = setEnd(text, index);
  return end === -1 ? index + 1 : end + 1;
}

function setEnd(text: string, open: number): number {
  // A ']' that comes first is one of the set.
  let index = open + 1;
  if (text[index] === '!' || text[index] === '^') index += 1;
  if (text[index] === ']') index += 1;
  for (; index < text.length && text[index] !== '/'; index += text[index] === '\\' ? 2 : 1) {
    if (text[index] === ']') return index;
  }
  return -1;
}

function splitSegments(text: string): string[] {
  const segments: string[] = [];
  let from = 0;
  for (let slash = indexOutside(text, '/', 0); slash !== -1; slash = indexOutside(text, '/', from)) {
    segments.push(text.slice(from, slash));
    from = slash + 1;
  }
  segments.push(text.slice(from));
  // As in .gitignore: a slash at the start only says where the path begins, one at the end means all that a folder holds.
  if (segments.length > 1 && segments[0] === '') segments.shift();
  if (segments.length > 1 && segments.at(-1) === '') segments.splice(-1, 1, '**', '*');
  return segments;
}

function tokenize(segment: string, glob: string): Token[] {
  const tokens: Token[] = [];
  let index = 0;
  while (index < segment.length) {
    const character = String.fromCodePoint(segment.codePointAt(index) as number);
    let length = character.length;
    if (character === '*') {
      // Two in a row mean no more than one.
      if (tokens.at(-1) !== null) tokens.push(null);
    } else if (character === '?') {
      tokens.push(true);
    } else if (character === '[') {
      const end = setEnd(segment, index);
      if (end === -1) throw wrong(glob, "a '[' is not closed; write \\[ for the character itself.");
      tokens.push(parseSet(segment.slice(index + 1, end), glob));
      length = end + 1 - index;
    } else if (character === '\\') {
      const escaped = segment.codePointAt(index + 1);
      if (escaped === undefined) throw wrong(glob, 'it ends in a \\; write \\\\ for the character itself.');
      const literal = String.fromCodePoint(escaped);
      tokens.push(literal);
      length = 1 + literal.length;
    } else {
      tokens.push(character);
    }
    index += length;
  }
  return tokens;
}

function parseSet(text: string, glob: string): Token {
  const isNegated = text.startsWith('!') || text.startsWith('^');
  const characters = [...(isNegated ? text.slice(1) : text)];
  const ranges: [number, number][] = [];
  for (let index = 0; index < characters.length; index++) {
    if (characters[index] === '\\') index += 1;
    const first = characters[index]?.codePointAt(0);
    if (first === undefined) throw wrong(glob, 'a set ends in a \\.');
    if (characters[index + 1] === '-' && index + 2 < characters.length) {
      index += characters[index + 2] === '\\' ? 3 : 2;
      const last = characters[index]?.codePointAt(0) ?? -1;
      if (last < first) throw wrong(glob, 'a range in a set runs backwards.');
      ranges.push([first, last]);
    } else {
      ranges.push([first, first]);
    }
  }
  return (character) => {
    const code = character.codePointAt(0) as number;
    return ranges.some(([first, last]) => first <= code && code <= last) !== isNegated;
  };
}

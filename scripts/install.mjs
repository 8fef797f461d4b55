// Runs before anything is installed: plain JavaScript for Node 20 or newer, no dependency.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The clone's root. */
export const root = fileURLToPath(new URL('..', import.meta.url));

const bin = join(root, 'node_modules', '.bin');

/**
 * Brings node_modules and the generated code up to the lock file and to schema.prisma; does nothing when they are.
 * Throws an Error that says what to do.
 */
export async function install() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 20) throw new Error(`Skyferry needs Node 20 or newer; this is ${process.version}.`);
  if (!packagesAreCurrent()) await installPackages();
  if (!generatedIsCurrent()) await generate();
}

/** The Node that the product runs on: the one that was installed with it, or this one when it is new enough. */
export function productNode() {
  const installed = join(bin, 'node');
  if (existsSync(installed)) return installed;
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  throw new Error(
    `There is no Node 24 for ${process.platform}-${process.arch} in the packages. Install Node 24 and try again.`,
  );
}

/** Environment for children: programs of node_modules come first, and what Node compiled once is kept. */
export function productEnvironment() {
  return {
    NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'node'),
    ...process.env,
    PATH: `${bin}${delimiter}${process.env.PATH ?? ''}`,
  };
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** npm records what it installed in node_modules/.package-lock.json; parts for other platforms are absent there. */
function packagesAreCurrent() {
  const wanted = readJson(join(root, 'package-lock.json'))?.packages;
  const installed = readJson(join(root, 'node_modules', '.package-lock.json'))?.packages;
  if (!wanted || !installed) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true;
    const found = installed[path];
    if (!found) return entry.optional === true || entry.devOptional === true;
    return found.version === entry.version && found.integrity === entry.integrity;
  });
}

async function installPackages() {
  console.log('Installing the packages of package-lock.json from the npm registry (npm ci), once; about a minute …');
  const npm = process.env.npm_execpath;
  // The build and the embedded parts are development packages; NODE_ENV=production must not leave them out.
  const args = ['ci', '--include=dev', '--ignore-scripts', '--loglevel=error', '--no-audit', '--no-fund'];
  // npm's own patience is more than a minute of silence for each package.
  args.push('--fetch-retries=2', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=5000');
  args.push('--fetch-timeout=60000');
  const [command, commandArgs] = npm ? [process.execPath, [npm, ...args]] : ['npm', args];
  const { code, output } = await run(command, commandArgs, process.env);
  if (code === 0) return;
  // A half-filled folder must not look installed.
  rmSync(join(root, 'node_modules', '.package-lock.json'), { force: true });
  throw new Error(`The packages could not be installed. ${remedy(output) ?? `npm says why:\n${lastLines(output)}`}`);
}

/** What to do about a failure of a known kind. */
function remedy(output) {
  if (/ENOSPC|no space left on device/i.test(output)) {
    return `The disk of ${root} (or of npm's cache) is full: free about 2 GB, then try again.`;
  }
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ECONNRESET|ENETUNREACH|EHOSTUNREACH/.test(output)) {
    return 'The package registry cannot be reached: check the network (and proxy settings), then try again.';
  }
  if (/EACCES|EPERM|EROFS/.test(output))
    return `This user may not write into ${root}: change its owner, then try again.`;
  return undefined;
}

function schemaStamp() {
  const hash = createHash('sha256');
  for (const file of ['prisma/schema.prisma', 'package-lock.json']) hash.update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

const stampFile = join(root, 'generated', '.stamp');

function generatedIsCurrent() {
  return existsSync(stampFile) && readFileSync(stampFile, 'utf8') === schemaStamp();
}

async function generate() {
  console.log('Generating the database client …');
  const noop = ['/bin/true', '/usr/bin/true'].find(existsSync);
  const { code, output } = await run(productNode(), [join(root, 'node_modules/prisma/build/index.js'), 'generate'], {
    ...productEnvironment(),
    // Generating never runs the schema engine, but Prisma insists on having one, and it cannot be had everywhere.
    ...(noop ? { PRISMA_SCHEMA_ENGINE_BINARY: noop } : {}),
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
    CHECKPOINT_DISABLE: '1',
  });
  if (code !== 0) throw new Error(`The database client could not be generated. ${remedy(output) ?? lastLines(output)}`);
  writeFileSync(stampFile, schemaStamp());
}

function lastLines(output) {
  return output.trim().split('\n').slice(-12).join('\n');
}

function run(command, args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      output += chunk;
    });
    child.once('error', (cause) => reject(new Error(`${command} cannot be run: ${cause.message}`, { cause })));
    child.once('close', (code) => resolve({ code, output }));
  });
}

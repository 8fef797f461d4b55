import type { ICruiseOptions, IForbiddenRuleType } from 'dependency-cruiser';

const serverRooms = '^(core|storage|queue|api|worker)/';
const tests = '\\.test\\.tsx?$';

/** A room may import itself, the listed places and packages. */
function room(name: string, allowed: string[]): IForbiddenRuleType & { name: string } {
  return {
    name: `${name}-imports`,
    severity: 'error',
    from: { path: `^${name}/`, pathNot: tests },
    to: {
      pathNot: [`^${name}/`, ...allowed],
      dependencyTypesNot: ['core', 'npm', 'npm-dev', 'npm-optional', 'npm-peer'],
    },
  };
}

/** Packages that only some places may import. */
function only(name: string, packages: string, places: string[]): IForbiddenRuleType & { name: string } {
  return {
    name,
    severity: 'error',
    from: { path: '^(core|storage|queue|api|worker|client|emulators)/', pathNot: [tests, ...places] },
    to: { path: `node_modules/(${packages})` },
  };
}

const generated = '^generated/';

/** Who may import whom. test/imports/planted holds a violation of each rule. */
export const importRules: (IForbiddenRuleType & { name: string })[] = [
  room('core', [generated]),
  room('storage', ['^core/']),
  room('queue', ['^core/']),
  room('api', ['^(core|storage|queue)/', generated]),
  room('worker', ['^(core|storage|queue)/', generated]),
  room('client', []),
  room('emulators', []),
  only('vendor-sdks', '@aws-sdk/|@smithy/|@azure/|@google-cloud/|dropbox/', [
    '^storage/providers/',
    // Clients that the emulators are tested with.
    '^emulators/[^/]+/testing/',
  ]),
  only('bullmq', 'bullmq/', ['^(queue|worker)/']),
  only('graphql-server', '@pothos/|graphql-yoga/', ['^api/']),
  {
    name: 'providers-through-registry',
    severity: 'error',
    from: { pathNot: ['^storage/registry\\.ts$', '^storage/providers/', tests] },
    to: { path: '^storage/providers/' },
  },
  {
    name: 'development-packages',
    comment: 'The image is installed without them.',
    severity: 'error',
    from: { path: serverRooms, pathNot: [tests, '^storage/conformance'] },
    to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
  },
  {
    name: 'run-time-cycles',
    severity: 'error',
    from: {},
    to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
  },
  { name: 'unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
];

export const cruiseOptions: ICruiseOptions = {
  // Sees imports of types as well.
  tsPreCompilationDeps: 'specify',
  doNotFollow: { path: ['node_modules', '^generated/'] },
  exclude: { path: ['^test/imports/planted/', '^dist/', '^\\.data/'] },
  combinedDependencies: true,
  enhancedResolveOptions: {
    exportsFields: ['exports'],
    conditionNames: ['import', 'require', 'node', 'default', 'types'],
  },
};

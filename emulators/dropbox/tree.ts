import { randomBytes } from 'node:crypto';
import type { Blob } from './blob.ts';
import { RouteError, union } from './errors.ts';
import { foldCase, parsePath, requireAllowedName } from './paths.ts';

export interface FileNode {
  readonly kind: 'file';
  readonly id: string;
  name: string;
  parent: FolderNode;
  rev: string;
  blob: Blob;
  clientModified: string;
  serverModified: string;
  /** Formats it can be exported to; such a file cannot be downloaded. */
  exportOnly?: readonly string[];
}

export interface FolderNode {
  readonly kind: 'folder';
  readonly id: string;
  name: string;
  /** null: the root of its namespace. */
  parent: FolderNode | null;
  readonly namespace: Namespace;
  readonly children: Map<string, Node>;
  /** A shared folder that is mounted here: its children are those of the namespace's root. */
  mount?: Namespace;
}

export type Node = FileNode | FolderNode;

export interface Namespace {
  readonly id: string;
  readonly root: FolderNode;
  /** While a commit is under way. */
  locked: boolean;
}

/** What a commit may do to what is there: `WriteMode` of files/upload. */
export type WriteMode = { tag: 'add' } | { tag: 'overwrite' } | { tag: 'update'; rev: string };

export interface Commit {
  readonly path: string;
  readonly mode: WriteMode;
  readonly autorename: boolean;
  readonly strictConflict: boolean;
  readonly clientModified: string | undefined;
}

type Content = Pick<FileNode, 'blob' | 'clientModified' | 'serverModified'>;

const notFound = () => new RouteError(union('not_found'));
const conflict = (tag: string): RouteError => new RouteError(union('conflict', union(tag)));

/** Every namespace of a server. */
export class Forest {
  readonly namespaces = new Map<string, Namespace>();
  readonly #byId = new Map<string, Node>();
  readonly #byRev = new Map<string, FileNode>();
  readonly #mounts = new Set<FolderNode>();
  readonly #now: () => number;
  /** Bytes of all files of all namespaces; those that files share count for each. */
  totalBytes = 0;
  #revision = 0x5f3c10000000;

  constructor(now: () => number) {
    this.#now = now;
  }

  createNamespace(id: string): Namespace {
    const namespace = { id, locked: false } as { -readonly [Field in keyof Namespace]: Namespace[Field] };
    namespace.root = { kind: 'folder', id: newId(), name: '', parent: null, namespace, children: new Map() };
    this.namespaces.set(id, namespace);
    this.#byId.set(namespace.root.id, namespace.root);
    return namespace;
  }

  /** @throws RouteError with a LookupError */
  find(root: Namespace, path: string): Node {
    const parsed = parsePath(path);
    if (parsed.from === 'id' || parsed.from === 'rev') {
      const node = parsed.from === 'id' ? this.#byId.get(parsed.id) : this.#byRev.get(parsed.rev);
      if (node === undefined || this.pathOf(root, node) === undefined) throw notFound();
      return node;
    }
    const start = parsed.from === 'root' ? root : this.namespaces.get(parsed.id);
    if (start === undefined) throw notFound();
    let node: Node = start.root;
    for (const name of parsed.names) {
      const next: Node | undefined = node.kind === 'folder' ? childrenOf(node).get(foldCase(name)) : undefined;
      if (next === undefined) throw notFound();
      node = next;
    }
    return node;
  }

  findIfThere(root: Namespace, path: string): Node | undefined {
    try {
      return this.find(root, path);
    } catch (error) {
      if (error instanceof RouteError && error.error['.tag'] === 'not_found') return undefined;
      throw error;
    }
  }

  /** Path as displayed below the root of a request; undefined when the node is not below it. */
  pathOf(root: Namespace, node: Node): string | undefined {
    const names: string[] = [];
    let at: Node = node;
    for (;;) {
      if (at.kind === 'folder' && at.parent === null) {
        const { namespace } = at;
        if (namespace === root) return names.map((name) => `/${name}`).join('');
        const mount = [...this.#mounts].find((one) => one.mount === namespace);
        if (mount === undefined) return undefined;
        at = mount;
        continue;
      }
      names.unshift(at.name);
      at = at.parent as FolderNode;
    }
  }

  /** Namespace whose lock a write to the path needs. */
  namespaceOf(root: Namespace, path: string): Namespace {
    const parsed = parsePath(path);
    if (parsed.from === 'id' || parsed.from === 'rev') {
      const node = this.find(root, path);
      return (node.kind === 'file' ? node.parent : node).namespace;
    }
    let folder = parsed.from === 'root' ? root.root : this.namespaces.get(parsed.id)?.root;
    if (folder === undefined) throw notFound();
    for (const name of parsed.names) {
      const next: Node | undefined = childrenOf(folder).get(foldCase(name));
      if (next?.kind !== 'folder') break;
      folder = next.mount?.root ?? next;
    }
    return folder.namespace;
  }

  /**
   * Saves a file, by the rules of `WriteMode`, `autorename` and `strict_conflict`:
   * https://www.dropbox.com/developers/documentation/http/documentation#files-upload
   * @throws RouteError with a WriteError
   */
  commit(root: Namespace, blob: Blob, { path, mode, autorename, strictConflict, clientModified }: Commit): FileNode {
    const { parent, name } = this.#place(root, path);
    const there = childrenOf(parent).get(foldCase(name));
    const content = { blob, ...this.#times(clientModified) };
    if (there === undefined) {
      if (mode.tag === 'update' && strictConflict) return this.#clash(content, parent, name, autorename, 'file');
      return this.#addFile(parent, name, content);
    }
    if (there.kind === 'folder') return this.#clash(content, parent, name, autorename, 'folder');
    const replaces = mode.tag === 'overwrite' || (mode.tag === 'update' && mode.rev === there.rev);
    if (replaces) {
      this.#byRev.delete(there.rev);
      this.totalBytes += blob.size - there.blob.size;
      Object.assign(there, content, { rev: this.#nextRev() });
      delete there.exportOnly;
      this.#byRev.set(there.rev, there);
      return there;
    }
    // The same content again is no conflict unless the caller is strict.
    if (!strictConflict && there.blob.contentHash === blob.contentHash) return there;
    return this.#clash(content, parent, name, autorename, 'file');
  }

  /** Parents are made as needed. @throws RouteError with a WriteError */
  createFolder(root: Namespace, path: string, autorename = false): FolderNode {
    const { parent, name } = this.#place(root, path);
    const there = childrenOf(parent).get(foldCase(name));
    if (there === undefined) return this.#addFolder(parent, name);
    if (!autorename) throw conflict(there.kind);
    return this.#addFolder(parent, freeName(parent, name));
  }

  mount(root: Namespace, path: string, namespace: Namespace): void {
    const folder = this.createFolder(root, path);
    folder.mount = namespace;
    this.#mounts.add(folder);
  }

  /** `parentRev`: only that revision. @throws RouteError with a WriteError */
  remove(node: Node, parentRev?: string): void {
    if (node.parent === null) throw new RouteError(union('no_write_permission'));
    if (parentRev !== undefined && (node.kind !== 'file' || node.rev !== parentRev)) throw conflict(node.kind);
    node.parent.children.delete(foldCase(node.name));
    this.#forget(node);
  }

  /** Never replaces what is there. @throws RouteError with a WriteError */
  move(root: Namespace, node: Node, path: string, autorename: boolean): Node {
    const { parent, name } = this.#place(root, path);
    const there = childrenOf(parent).get(foldCase(name));
    if (there !== undefined && there !== node && !autorename) throw conflict(there.kind);
    for (let at: FolderNode | null = parent; at !== null; at = at.parent) {
      if (at === node) throw new RouteError(union('other'));
    }
    node.parent?.children.delete(foldCase(node.name));
    node.name = there === undefined || there === node ? name : freeName(parent, name);
    node.parent = parent;
    childrenOf(parent).set(foldCase(node.name), node);
    return node;
  }

  /** Never replaces what is there. @throws RouteError with a WriteError */
  copy(root: Namespace, node: Node, path: string, autorename: boolean): Node {
    if (node.kind === 'folder') {
      const folder = this.createFolder(root, path, autorename);
      for (const child of [...childrenOf(node).values()]) {
        this.copy(root, child, `${this.pathOf(root, folder)}/${child.name}`, false);
      }
      return folder;
    }
    const { blob, clientModified } = node;
    return this.commit(root, blob, { path, mode: { tag: 'add' }, autorename, strictConflict: true, clientModified });
  }

  #clash(content: Content, parent: FolderNode, name: string, autorename: boolean, tag: string): FileNode {
    if (!autorename) throw conflict(tag);
    return this.#addFile(parent, freeName(parent, name), content);
  }

  #addFile(parent: FolderNode, name: string, content: Content): FileNode {
    const file: FileNode = { kind: 'file', id: newId(), name, parent, rev: this.#nextRev(), ...content };
    this.#byId.set(file.id, file);
    this.totalBytes += file.blob.size;
    this.#byRev.set(file.rev, file);
    childrenOf(parent).set(foldCase(name), file);
    return file;
  }

  #addFolder(parent: FolderNode, name: string): FolderNode {
    const { namespace } = parent;
    const folder: FolderNode = { kind: 'folder', id: newId(), name, parent, namespace, children: new Map() };
    this.#byId.set(folder.id, folder);
    childrenOf(parent).set(foldCase(name), folder);
    return folder;
  }

  /** The folder that a path is in, made as needed, and the last name. @throws RouteError with a WriteError */
  #place(root: Namespace, path: string): { parent: FolderNode; name: string } {
    const parsed = parsePath(path);
    if (parsed.from === 'id' || parsed.from === 'rev') {
      const node = this.find(root, path);
      if (node.parent === null) throw new RouteError(union('malformed_path'));
      return { parent: node.parent, name: node.name };
    }
    const names = [...parsed.names];
    const name = names.pop();
    const start = parsed.from === 'root' ? root : this.namespaces.get(parsed.id);
    if (name === undefined || start === undefined) throw new RouteError(union('malformed_path'));
    for (const one of [...names, name]) requireAllowedName(one);
    let folder = start.root;
    for (const one of names) {
      const next: Node | undefined = childrenOf(folder).get(foldCase(one));
      if (next?.kind === 'file') throw conflict('file_ancestor');
      const below = next ?? this.#addFolder(folder, one);
      folder = below.mount?.root ?? below;
    }
    return { parent: folder, name };
  }

  #times(clientModified: string | undefined): { clientModified: string; serverModified: string } {
    const serverModified = `${new Date(this.#now()).toISOString().slice(0, 19)}Z`;
    return { serverModified, clientModified: clientModified ?? serverModified };
  }

  #nextRev(): string {
    this.#revision += 1;
    return this.#revision.toString(16).padStart(15, '0');
  }

  #forget(node: Node): void {
    this.#byId.delete(node.id);
    if (node.kind === 'folder') this.#mounts.delete(node);
    if (node.kind === 'file') {
      this.#byRev.delete(node.rev);
      this.totalBytes -= node.blob.size;
    } else for (const child of node.children.values()) this.#forget(child);
  }
}

export function childrenOf(folder: FolderNode): Map<string, Node> {
  return folder.mount?.root.children ?? folder.children;
}

/** `name (1).txt`, as autorename does. */
function freeName(parent: FolderNode, name: string): string {
  const dot = name.lastIndexOf('.');
  const [stem, suffix] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ''];
  for (let number = 1; ; number += 1) {
    const candidate = `${stem} (${number})${suffix}`;
    if (!childrenOf(parent).has(foldCase(candidate))) return candidate;
  }
}

function newId(): string {
  return `id:${randomBytes(16).toString('base64url')}`;
}

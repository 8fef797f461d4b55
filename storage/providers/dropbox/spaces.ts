import type { Dropbox, users } from 'dropbox';
import { AppError } from '../../../core/errors.ts';
import type { ContainerEntry, Page, PageRequest } from '../../provider.ts';
import { notDropbox } from './errors.ts';
import { callSdk } from './sdk.ts';

/** The person's own folder, shared folders that are mounted in it included. */
const home = 'dropbox';
/** What the person sees of the team's space, where that is a root of its own: their own folder is in it too. */
const team = 'team';

/**
 * The spaces of an account, which are its containers. A call says which one it means by Dropbox-API-Path-Root (the
 * "Team files guide"); without it paths begin at the person's own folder.
 */
export class Spaces {
  readonly #client: Dropbox;
  /** Namespace of the team's space; null: there is none. */
  #teamRoot: string | null | undefined;

  constructor(client: Dropbox) {
    this.#client = client;
  }

  async account(signal: AbortSignal): Promise<users.FullAccount> {
    const account = await callSdk(() => this.#client.usersGetCurrentAccount({ signal }));
    const { root_namespace_id: root, home_namespace_id: own } = account.root_info ?? {};
    if (root === undefined) {
      throw notDropbox();
    }
    this.#teamRoot = root === own ? null : root;
    return account;
  }

  async list({ cursor = '', limit = 2 }: PageRequest, signal: AbortSignal): Promise<Page<ContainerEntry>> {
    await this.account(signal);
    const names = [home, ...(this.#teamRoot === null ? [] : [team])].filter((name) => name > cursor);
    const items = names.slice(0, limit).map((name) => ({ name, createdAt: null }));
    return { items, nextCursor: names.length > limit ? (items.at(-1)?.name ?? null) : null };
  }

  /** Headers of a call that means this container. CONTAINER_NOT_FOUND. */
  async headersFor(container: string, signal: AbortSignal): Promise<Record<string, string>> {
    if (container === home) return {};
    if (container === team) {
      if (this.#teamRoot === undefined) await this.account(signal);
      if (typeof this.#teamRoot === 'string') {
        return { 'Dropbox-API-Path-Root': JSON.stringify({ '.tag': 'root', root: this.#teamRoot }) };
      }
    }
    throw new AppError('CONTAINER_NOT_FOUND', 'This Dropbox account has no such space. Its own is called "dropbox".');
  }
}

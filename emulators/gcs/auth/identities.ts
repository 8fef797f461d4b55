/** Whom a request is from. */
export interface Identity {
  /** E-mail of a service account, or a name of one's own for a person. */
  readonly email: string;
  /** Buckets that may be used; absent: all, and creating and listing of them. */
  readonly buckets?: readonly string[] | undefined;
  /** False: a token for reading only (`devstorage.read_only`). */
  readonly mayWrite: boolean;
  /** Whether the token is for the e-mail address too (`userinfo.email`). */
  readonly showsEmail?: boolean;
}

/** A service account that the server knows. */
export interface KnownServiceAccount {
  readonly email: string;
  /** SPKI in PEM. */
  readonly publicKey: string;
  readonly buckets?: readonly string[] | undefined;
}

/** An app that people sign in by, and the grants it holds. */
export interface KnownApp {
  readonly clientId: string;
  readonly clientSecret: string;
  /** Where the sign-in page may send people back to; compared character by character. */
  readonly redirectUris?: readonly string[];
  /** Refresh tokens that are there from the start, with the person each is from; a name alone: one who may do everything. */
  readonly grants?: Readonly<Record<string, string | Pick<Identity, 'email' | 'buckets'>>>;
}

/** https://developers.google.com/identity/protocols/oauth2/scopes#storage */
const WRITING = /\/auth\/(devstorage\.(full_control|read_write)|cloud-platform)$/;
const READING = /\/auth\/(devstorage\.(full_control|read_write|read_only)|cloud-platform(\.read-only)?)$/;

/** What scopes allow; undefined when they are not about storage at all. */
export function mayWrite(scopes: string): boolean | undefined {
  const all = scopes.split(' ');
  if (all.some((scope) => WRITING.test(scope))) return true;
  return all.some((scope) => READING.test(scope)) ? false : undefined;
}

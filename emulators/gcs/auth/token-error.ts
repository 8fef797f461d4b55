/** An error of the token endpoint (RFC 6749, section 5.2), and Google's own of a redirect URI that is another. */
export class TokenError extends Error {
  readonly code:
    | 'invalid_grant'
    | 'invalid_client'
    | 'invalid_request'
    | 'invalid_scope'
    | 'redirect_uri_mismatch'
    | 'unsupported_grant_type';

  constructor(code: TokenError['code'], description: string) {
    super(description);
    this.name = 'TokenError';
    this.code = code;
  }

  get status(): number {
    return this.code === 'invalid_client' ? 401 : 400;
  }
}

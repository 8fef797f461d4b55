/** Decides which web pages may call the API with the user's cookie. */
export interface Origins {
  /** Whether a page of this origin may call. */
  allows(origin: string): boolean;
  /**
   * Whether a request may be served at all. Browsers say where a request comes from (Origin, Sec-Fetch-Site); scripts
   * say nothing and carry no cookie that somebody else could have used.
   */
  admits(request: { method: string; headers: { get(name: string): string | null } }): boolean;
}

/** `urls`: of any path; their origins are allowed. Throws an Error that names one that is no URL. */
export function createOrigins(urls: readonly string[]): Origins {
  const allowed = new Set(urls.map(originOf));
  const allows = (origin: string) => allowed.has(origin);
  return {
    allows,
    admits({ method, headers }) {
      const origin = headers.get('origin');
      if (origin !== null) return allows(origin);
      const site = headers.get('sec-fetch-site');
      if (site === null || site === 'same-origin' || site === 'none') return true;
      // A link from elsewhere may open the playground; nothing can be read from it across origins.
      return method === 'GET' && headers.get('sec-fetch-mode') === 'navigate';
    },
  };
}

function originOf(url: string): string {
  if (URL.canParse(url)) return new URL(url).origin;
  throw new Error(`ALLOWED_ORIGINS: '${url}' is not an origin such as https://app.example.com.`);
}

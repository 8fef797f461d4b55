const timeoutMs = 30_000;

/** A plain GraphQL client over HTTP, with subscriptions over server-sent events, as any other program would use it. */
export class ApiClient {
  readonly #endpoint: string;
  readonly #token: string | undefined;

  constructor(endpoint: string, token?: string) {
    this.#endpoint = endpoint;
    this.#token = token;
  }

  /** The same endpoint, signed in. */
  withToken(token: string): ApiClient {
    return new ApiClient(this.#endpoint, token);
  }

  /** Runs a query or mutation. Throws an Error with the API's message when it answers an error, or not within 30 s. */
  async run<Data>(document: string, variables: Record<string, unknown> = {}): Promise<Data> {
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await this.#post(
      document,
      variables,
      'application/graphql-response+json, application/json',
      signal,
    );
    return unwrap<Data>(await readJson(response));
  }

  /** Events of a subscription until it completes. */
  async *subscribe<Data>(
    document: string,
    variables: Record<string, unknown>,
    signal: AbortSignal,
  ): AsyncGenerator<Data> {
    const response = await this.#post(document, variables, 'text/event-stream', signal);
    if (!response.ok || !response.headers.get('content-type')?.startsWith('text/event-stream')) {
      unwrap(await readJson(response));
      throw new Error(`The API answered a subscription with ${response.status}.`);
    }
    for await (const event of serverSentEvents(response.body as ReadableStream<Uint8Array<ArrayBuffer>>)) {
      if (event.name === 'next') yield unwrap<Data>(JSON.parse(event.data));
      if (event.name === 'complete') return;
    }
  }

  #post(query: string, variables: Record<string, unknown>, accept: string, signal: AbortSignal): Promise<Response> {
    return fetch(this.#endpoint, {
      method: 'POST',
      headers: {
        accept,
        'content-type': 'application/json',
        ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
      },
      body: JSON.stringify({ query, variables }),
      signal,
    });
  }
}

interface Result {
  data?: unknown;
  errors?: { message: string }[];
}

async function readJson(response: Response): Promise<Result> {
  const text = await response.text();
  try {
    return JSON.parse(text) as Result;
  } catch (cause) {
    throw new Error(`The API answered ${response.status} and no JSON: ${text.slice(0, 200)}`, { cause });
  }
}

function unwrap<Data>(result: Result): Data {
  if (result.errors?.length) throw new Error(result.errors.map(({ message }) => message).join(' '));
  return result.data as Data;
}

/** WHATWG HTML, section 9.2.6: events are separated by blank lines, lines starting with a colon are comments. */
async function* serverSentEvents(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<{ name: string; data: string }> {
  let pending = '';
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const blocks = (pending + text).split('\n\n');
    pending = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = (field: string) =>
        block
          .split('\n')
          .filter((line) => line.startsWith(`${field}:`))
          .map((line) => line.slice(field.length + 1).trimStart());
      yield { name: fields('event').at(-1) ?? 'message', data: fields('data').join('\n') };
    }
  }
}

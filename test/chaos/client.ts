import { setTimeout as delay } from 'node:timers/promises';

/** Between tries, as any client pauses: nothing tells it when the API, and what is behind it, answers again. */
const retryMs = 250;

/** A client of the API that does not give up while it is away, as long as it is allowed to repeat itself. */
export class ApiClient {
  /** Requests that wait for their answers. */
  inFlight = 0;
  token = '';
  readonly #url: string;
  readonly #signal: AbortSignal;

  /** @param signal Ends every try. */
  constructor(url: string, signal: AbortSignal) {
    this.#url = url;
    this.#signal = signal;
  }

  /**
   * One operation, which must be idempotent: it is repeated for up to two minutes while the API, or what is behind it, is
   * away. Rejects on other errors.
   */
  // biome-ignore lint/suspicious/noExplicitAny: each caller knows what it asked for
  async send(document: string, input: object | string): Promise<any> {
    const deadline = Date.now() + 120_000;
    for (;;) {
      const answer = await this.ask(document, input);
      if (typeof answer === 'object') return answer;
      this.#signal.throwIfAborted();
      if (Date.now() > deadline) throw new Error(`The API does not answer: ${answer}`);
      await delay(retryMs);
    }
  }

  /** The payload of the operation, tried once, or why it is worth another try. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  async ask(document: string, input: object | string): Promise<any> {
    this.inFlight += 1;
    try {
      const response = await fetch(`${this.#url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(this.token && { authorization: `Bearer ${this.token}` }) },
        body: JSON.stringify({ query: document, variables: { input } }),
        signal: AbortSignal.any([this.#signal, AbortSignal.timeout(15_000)]),
      });
      const body = (await response.json()) as {
        data?: Record<string, { userErrors: { code: string; message: string }[] }> | null;
        errors?: { message: string; extensions?: { code?: string } }[];
      };
      if (body.errors !== undefined) return JSON.stringify(body.errors).slice(0, 300);
      return Object.values(body.data ?? {})[0];
    } catch (error) {
      return (error as Error).message;
    } finally {
      this.inFlight -= 1;
    }
  }
}

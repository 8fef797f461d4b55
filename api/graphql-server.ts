import { GraphQLError, parse } from 'graphql';
import { createYoga, type Plugin } from 'graphql-yoga';
import type { Logger } from '../core/log.ts';
import { authHeaders, findSession } from './auth/auth.ts';
import type { Origins } from './auth/origins.ts';
import type { Context } from './context.ts';
import { presentError, type RequestScope } from './errors.ts';
import { limitIntrospection } from './introspection-limit.ts';
import { currentRequest, newScope } from './request-scope.ts';
import { schema } from './schema.ts';
import type { Services } from './services.ts';

/** Longest document, in tokens: what parsing and validation may cost. */
const maxTokens = 4_000;
/** Largest request body in bytes: 1,000 source paths fit. */
const maxBodyBytes = 2 * 1024 * 1024;

/** What the HTTP server knows of a request. */
export interface HttpScope {
  scope: RequestScope;
  clientAddress: string;
  /** Filled by resolvers, sent with the answer. */
  responseCookies: string[];
}

/** A context that is complete already (WebSocket operations). */
interface PreparedContext {
  prepared: Context;
}

export type GraphQLServer = ReturnType<typeof createGraphQLServer>;

/** GraphQL over HTTP and server-sent events; graphql-ws runs its operations through `getEnveloped`. */
export function createGraphQLServer(services: Services, origins: Origins) {
  return createYoga<HttpScope | PreparedContext, Context>({
    schema,
    graphqlEndpoint: '/graphql',
    landingPage: false,
    graphiql: false,
    multipart: false,
    maxRequestBodySize: maxBodyBytes,
    logging: silent,
    maskedErrors: { maskError: (error) => presentError(error, currentRequest.getStore() ?? newScope(services.log)) },
    cors: (request) => {
      const origin = request.headers.get('origin');
      if (origin === null || !origins.allows(origin)) return false;
      return {
        origin,
        credentials: true,
        methods: ['GET', 'POST'],
        allowedHeaders: ['content-type', 'authorization', 'accept'],
        exposedHeaders: ['x-request-id', 'retry-after'],
        maxAge: 600,
      };
    },
    context: (initial) =>
      'prepared' in initial
        ? initial.prepared
        : createContext(services, {
            ...initial,
            requestId: initial.scope.requestId,
            log: initial.scope.log,
            headers: initial.request.headers,
            signal: initial.request.signal,
          }),
    plugins: [silentRequestParser, boundedParser, boundedIntrospection, presentingErrors, sendingCookies],
  });
}

export interface ContextSource {
  requestId: string;
  log: Logger;
  clientAddress: string;
  headers: Headers;
  responseCookies: string[];
  signal: AbortSignal;
}

/** Finds out who calls. Rejects while Postgres is away and the request carries a session. */
export async function createContext(services: Services, source: ContextSource): Promise<Context> {
  const { requestId, log, clientAddress, headers, responseCookies, signal } = source;
  const session = await findSession(services.auth, authHeaders(headers, clientAddress));
  if (session !== null) responseCookies.push(...session.cookies);
  return {
    services,
    viewer: session?.viewer ?? null,
    sessionId: session?.sessionId ?? null,
    requestId,
    log: session === null ? log : log.child({ userId: session.viewer.id }),
    clientAddress,
    headers,
    responseCookies,
    signal,
  };
}

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/**
 * Whatever of a request is not JSON (its body, or `variables` and `extensions` in its address or form) is the caller's
 * mistake. The reason that JSON.parse gives repeats the text, which may hold credentials, so it goes nowhere.
 */
const silentRequestParser: Plugin = {
  onRequestParse({ requestParser, setRequestParser }) {
    if (requestParser === undefined) return;
    setRequestParser(async (request) => {
      try {
        return await requestParser(request);
      } catch (error) {
        if (!(error instanceof SyntaxError || (error instanceof GraphQLError && 'originalError' in error.extensions)))
          throw error;
        throw new GraphQLError('The request is not valid JSON.', { extensions: { http: { status: 400 } } });
      }
    });
  },
};

const boundedParser: Plugin = {
  onParse({ setParseFn }) {
    setParseFn((source: string) => parse(source, { maxTokens }));
  },
};

const boundedIntrospection: Plugin = {
  onValidate({ addValidationRule }) {
    addValidationRule(limitIntrospection);
  },
};

type ErrorResult = { errors?: readonly GraphQLError[] };

/** Makes every error fit to be answered while the request that it belongs to is known. */
const presentingErrors: Plugin<Context> = {
  // Errors of parsing and validation come by here only.
  onExecutionResult({ result, setResult }) {
    const scope = currentRequest.getStore();
    if (!scope || !result || Array.isArray(result) || Symbol.asyncIterator in result) return;
    setResult(presentAll(result, scope));
  },
  onExecute() {
    return {
      onExecuteDone({ args, result, setResult }) {
        if (Symbol.asyncIterator in result) return;
        setResult(presentAll(result, args.contextValue));
      },
    };
  },
  onSubscribe() {
    return {
      onSubscribeResult({ args, result, setResult }) {
        if (!(Symbol.asyncIterator in result)) {
          setResult(presentAll(result, args.contextValue));
          return undefined;
        }
        return {
          onNext: ({ result: event, setResult: setEvent }) => setEvent(presentAll(event, args.contextValue)),
        };
      },
      onSubscribeError({ error, setError }) {
        const scope = currentRequest.getStore();
        if (scope) setError(presentError(error, scope));
      },
    };
  },
};

function presentAll<Result extends ErrorResult>(result: Result, scope: RequestScope): Result {
  if (!result.errors) return result;
  return { ...result, errors: result.errors.map((error) => presentError(error, scope)) };
}

const sendingCookies: Plugin<object, HttpScope> = {
  onResponse({ response, serverContext }) {
    for (const cookie of serverContext?.responseCookies ?? []) response.headers.append('set-cookie', cookie);
  },
};

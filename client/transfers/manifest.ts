import { problemOfGraphQLError } from '../graphql/problem.ts';

/** Of a manifest's text. The API has the same bound, but may hang up on what is longer before it can be told why. */
const mostMiB = 32;

/** What is wrong with the file of a manifest, or null. What its lines say, the API judges. */
export function manifestProblem(file: File | null): string | null {
  if (file === null || file.size <= mostMiB * 1024 ** 2) return null;
  return `The file is larger than ${mostMiB} MiB. Split it over several transfers.`;
}

/** Hands the paths in a file to the API: the id of the manifest, or what is wrong with it. The same paths are kept once. */
export async function uploadManifest(file: File): Promise<{ id: string } | { problem: string }> {
  let text: ArrayBuffer;
  try {
    text = await file.arrayBuffer();
  } catch {
    return { problem: 'The file has changed or is gone since it was chosen. Choose it again.' };
  }
  try {
    const response = await fetch('/manifests', {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: text,
    });
    const answer = (await response.json()) as
      | { id: string }
      | { errors: Parameters<typeof problemOfGraphQLError>[0][] };
    if ('id' in answer) return { id: answer.id };
    const [first] = answer.errors;
    if (first !== undefined) return { problem: problemOfGraphQLError(first).message };
  } catch {
    // Said below: no answer, or none of the API's.
  }
  return { problem: 'The file could not be handed over, as Skyferry’s server does not answer. Try again in a moment.' };
}

import type { Progress } from './first-transfer.ts';
import { formatBytes, formatCount, formatDuration, progressBar } from './format.ts';

/** Draws live progress: two bars in place on a terminal, else a line at each tenth. */
export class ProgressView {
  readonly #out: NodeJS.WriteStream;
  #drawn = false;
  #lastTenth = -1;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  show(progress: Progress): void {
    const [objects, bytes] = progressLines(progress);
    if (this.#out.isTTY) {
      // Up two lines, clearing each: the bars stay where they are.
      this.#out.write(`${this.#drawn ? '\x1b[2A' : ''}\x1b[2K${objects}\n\x1b[2K${bytes}\n`);
      this.#drawn = true;
      return;
    }
    const tenth = Math.floor(share(progress.bytesAcknowledged, progress.bytesListed) * 10);
    if (!progress.listingComplete || tenth <= this.#lastTenth) return;
    this.#lastTenth = tenth;
    this.#out.write(`${objects}\n${bytes}\n`);
  }
}

function share(done: string | number, all: string | number): number {
  return Number(all) === 0 ? 0 : Number(done) / Number(all);
}

/** Until the listing is complete a total is only what was found so far, and says so. */
function progressLines(progress: Progress): [string, string] {
  const { objectsCompleted, objectsFailed, objectsListed, bytesAcknowledged, bytesListed, listingComplete } = progress;
  const more = listingComplete ? '' : '+';
  const failed = objectsFailed === 0 ? '' : `, ${formatCount(objectsFailed)} failed`;
  const speed = Number(progress.speedBytesPerSecond);
  const pace = speed === 0 ? '' : `, ${formatBytes(speed)}/s`;
  const eta = progress.etaMs === null ? '' : `, ${formatDuration(progress.etaMs)} left`;
  return [
    `  objects ${progressBar(share(objectsCompleted, objectsListed), 30)} ${formatCount(objectsCompleted)} of ${formatCount(objectsListed)}${more}${failed}`,
    `  bytes   ${progressBar(share(bytesAcknowledged, bytesListed), 30)} ${formatBytes(Number(bytesAcknowledged))} of ${formatBytes(Number(bytesListed))}${more}${pace}${eta}`,
  ];
}

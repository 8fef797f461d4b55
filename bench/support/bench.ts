import { median } from './statistics.ts';

/** One way to do the work: the product or a peer. */
export interface Contender {
  name: string;
  /** The flags or settings that matter, for the report. */
  settings: string;
  /** Does the whole work once into a destination of its own and returns when it is complete. */
  run(round: number): Promise<Measurement>;
  /** Throws unless what `run` left at the destination is whole; then removes it. Not timed. */
  verifyAndClear(round: number): Promise<void>;
}

export interface Measurement {
  /** From request to completion. */
  wallMs: number;
  /** Of the contender's own processes, without storage servers. */
  cpuMs: number;
}

export interface Report {
  contender: string;
  settings: string;
  wallMs: number[];
  cpuMs: number[];
}

/**
 * Runs the contenders in turn, the order reversed every other round so that none always goes first, after one warm-up
 * round that is not counted.
 */
export async function interleave(contenders: readonly Contender[], rounds: number): Promise<Report[]> {
  const reports = contenders.map(
    ({ name, settings }): Report => ({ contender: name, settings, wallMs: [], cpuMs: [] }),
  );
  for (let round = 0; round <= rounds; round++) {
    const order = contenders.map((contender, index) => ({ contender, report: reports[index] as Report }));
    if (round % 2 === 1) order.reverse();
    for (const { contender, report } of order) {
      const measurement = await contender.run(round);
      await contender.verifyAndClear(round);
      if (round === 0) continue;
      report.wallMs.push(measurement.wallMs);
      report.cpuMs.push(measurement.cpuMs);
      console.log(
        `round ${round}  ${contender.name.padEnd(24)} wall ${seconds(measurement.wallMs)}  cpu ${seconds(measurement.cpuMs)}`,
      );
    }
  }
  return reports;
}

export function printTable(reports: readonly Report[]): void {
  console.log(`\n${'contender'.padEnd(24)}${'wall s'.padStart(10)}${'cpu s'.padStart(10)}  settings`);
  for (const report of reports) {
    const cells = [median(report.wallMs), median(report.cpuMs)].map((value) => seconds(value).padStart(10));
    console.log(`${report.contender.padEnd(24)}${cells.join('')}  ${report.settings}`);
  }
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3);
}

/** What a bench answers; printed as the last line. */
export interface Result {
  bench: string;
  /** The figure that the goal is about. */
  figure: number;
  goal: number;
  ok: boolean;
  [detail: string]: unknown;
}

export interface BenchOptions {
  quick: boolean;
  /** The one provider to race, in the bench `providers`. */
  only: string | undefined;
  source: string | undefined;
  destination: string | undefined;
}

/** A bench is one file in bench/ with this default export. */
export type Bench = (options: BenchOptions) => Promise<Result>;

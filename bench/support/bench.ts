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
  /** Of the storage servers meanwhile, where the bench runs them. */
  serverCpuMs?: number;
}

export interface Report {
  contender: string;
  settings: string;
  wallMs: number[];
  cpuMs: number[];
  /** Empty where nobody measured it. */
  serverCpuMs: number[];
}

/**
 * Runs the contenders in turn, the order reversed every other round so that none always goes first, after one warm-up
 * round that is not counted.
 */
export async function interleave(contenders: readonly Contender[], rounds: number): Promise<Report[]> {
  const reports = contenders.map(
    ({ name, settings }): Report => ({ contender: name, settings, wallMs: [], cpuMs: [], serverCpuMs: [] }),
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
      if (measurement.serverCpuMs !== undefined) report.serverCpuMs.push(measurement.serverCpuMs);
      console.log(
        `round ${round}  ${contender.name.padEnd(24)} wall ${seconds(measurement.wallMs)}  cpu ${seconds(measurement.cpuMs)}`,
      );
    }
  }
  return reports;
}

export function printTable(reports: readonly Report[]): void {
  const heads = ['wall s', 'cpu s', 'servers'].map((head) => head.padStart(10));
  console.log(`\n${'contender'.padEnd(24)}${heads.join('')}  settings`);
  for (const { serverCpuMs, ...report } of reports) {
    const servers = serverCpuMs.length === 0 ? '-' : seconds(median(serverCpuMs));
    const cells = [seconds(median(report.wallMs)), seconds(median(report.cpuMs)), servers].map((cell) =>
      cell.padStart(10),
    );
    console.log(`${report.contender.padEnd(24)}${cells.join('')}  ${report.settings}`);
  }
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3);
}

/** One measurement held against its goal. */
export interface Verdict {
  what: string;
  figure: number;
  goal: number;
  /** Whether the goal is the least or the most that the figure may be. */
  bound: 'least' | 'most';
}

export function isMet({ figure, goal, bound }: Verdict): boolean {
  return bound === 'least' ? figure >= goal : figure <= goal;
}

export function printVerdicts(verdicts: readonly Verdict[]): void {
  console.log('');
  for (const verdict of verdicts) {
    const { what, figure, goal, bound } = verdict;
    const told = [figure, goal].map((number) => Number(number.toFixed(3)));
    console.log(
      `${isMet(verdict) ? 'met   ' : 'missed'}  ${what.padEnd(56)} ${told[0]} (goal: at ${bound} ${told[1]})`,
    );
  }
}

/** What a bench answers; printed as the last line, with whether all goals are met. */
export interface Result {
  bench: string;
  /** Whether there was less work than the goals are about. */
  quick: boolean;
  verdicts: readonly Verdict[];
  [detail: string]: unknown;
}

export interface BenchOptions {
  /** Less work and fewer rounds: to see that everything runs, not how fast. */
  quick: boolean;
  /** Rounds that count. Absent: the bench's own number. */
  rounds: number | undefined;
  /** The storage servers of races from S3 to S3. */
  server: 'local' | 'radosgw';
  /** The one provider to race, in the bench `providers`. */
  only: string | undefined;
  source: string | undefined;
  destination: string | undefined;
}

/** A bench is one file in bench/ with this default export. */
export type Bench = (options: BenchOptions) => Promise<Result>;

import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from 'urql';
import { graphql } from '../graphql/graphql.ts';
import { problemOf } from '../graphql/problem.ts';
import classes from './NextRuns.module.css';
import { cronProblem, formatInZone, type Timing } from './timing.ts';

const NextRunsQuery = graphql(`
  query NextScheduleRuns($cron: String!, $timeZone: String!) {
    nextScheduleRuns(cron: $cron, timeZone: $timeZone, first: 5)
  }
`);

/** So long nobody types before the server is asked. */
const quietMs = 300;

/** The next moments of a schedule, by its own clocks, before it is made. */
export function NextRuns({ cron, timeZone }: Timing) {
  const [asked] = useDebouncedValue(JSON.stringify({ cron, timeZone }), quietMs);
  const variables: Timing = JSON.parse(asked);
  const incomplete = cronProblem(variables.cron) !== null;
  const [{ data, error, fetching }] = useQuery({ query: NextRunsQuery, variables, pause: incomplete });
  const runs = data?.nextScheduleRuns;
  if (incomplete) return null;
  return (
    <div className={classes.runs} aria-live="polite" aria-busy={fetching}>
      {error === undefined ? (
        runs === undefined ? null : runs.length === 0 ? (
          'It would never run: there is no such day.'
        ) : (
          <>
            <div className={classes.label}>Runs next</div>
            <ol className={`${classes.list} figures`}>
              {runs.map((time) => (
                <li key={time}>
                  <time dateTime={time}>{formatInZone(time, variables.timeZone)}</time>
                </li>
              ))}
            </ol>
          </>
        )
      ) : (
        problemOf(error).message
      )}
    </div>
  );
}

/** Says one line to whoever started us. */
export const say = (line: string): void => console.log(line);

/** Runs a program's main function: an error becomes its message and exit code 1, never a stack. */
export async function runMain(main: () => Promise<number>): Promise<never> {
  try {
    process.exitCode = await main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
  // Whatever still waits, waits for nothing: everything that was started has been stopped.
  process.exit();
}

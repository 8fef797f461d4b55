// Imported before a process of the product: its clock goes wrong by CLOCK_SHIFT_MS, as a machine's does that nobody sets.
// With SIGUSR2 it steps: to the shift that the file CLOCK_SHIFT_FILE names, which is removed as soon as it has.
import { readFileSync, unlinkSync } from 'node:fs';

const { CLOCK_SHIFT_MS, CLOCK_SHIFT_FILE } = process.env;
let shiftMs = Number(CLOCK_SHIFT_MS ?? 0);
if (CLOCK_SHIFT_FILE !== undefined) {
  process.on('SIGUSR2', () => {
    shiftMs = Number(readFileSync(CLOCK_SHIFT_FILE, 'utf8'));
    unlinkSync(CLOCK_SHIFT_FILE);
  });
}

const RightDate = Date;

class WrongDate extends RightDate {
  constructor(...given) {
    if (given.length === 0) super(RightDate.now() + shiftMs);
    else super(...given);
  }

  static now() {
    return RightDate.now() + shiftMs;
  }
}

Object.defineProperty(WrongDate, 'name', { value: 'Date' });
globalThis.Date = WrongDate;

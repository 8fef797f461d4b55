// Imported before a process of the product: its clock goes wrong by CLOCK_SHIFT_MS, as a machine's does that nobody sets.
const shiftMs = Number(process.env.CLOCK_SHIFT_MS);
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

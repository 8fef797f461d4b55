const letters: Readonly<Record<string, 'H' | 'D' | 'W'>> = { hour: 'H', day: 'D', week: 'W' };
const hours = { H: 1, D: 24, W: 7 * 24 } as const;
/** Of the API: 100 years. */
const mostHours = 100 * 366 * 24;

/** An age as typed, such as `12 hours`, `30 days` or `2 weeks`, in ISO 8601. null: it is none, or above 100 years. */
export function parseAge(text: string): string | null {
  const match = /^(\d+)\s*(hour|day|week)s?$/i.exec(text.trim());
  const letter = letters[match?.[2]?.toLowerCase() ?? ''];
  if (match === null || letter === undefined || Number(match[1]) * hours[letter] > mostHours) return null;
  return letter === 'H' ? `PT${Number(match[1])}H` : `P${Number(match[1])}${letter}`;
}

const units = ['day', 'hour', 'minute', 'second'] as const;

/** An age as the API answers it, in words: `28 days 12 hours`. */
export function formatAge(iso: string): string {
  const amounts = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(iso)?.slice(1) ?? [];
  const named = units.flatMap((unit, index) => {
    const amount = Number(amounts[index] ?? 0);
    return amount === 0 ? [] : [`${amount} ${unit}${amount === 1 ? '' : 's'}`];
  });
  return named.length === 0 ? '0 days' : named.join(' ');
}

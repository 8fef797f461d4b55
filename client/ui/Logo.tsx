/** Skyferry's mark: a ferry that rides on a cloud. Decorative; the name stands beside it or in the link around it. */
export function LogoMark({ size = 32 }: { size?: number }) {
  return (
    <svg viewBox="0 0 32 24" width={size} height={(size * 24) / 32} aria-hidden="true" focusable="false">
      <path fill="var(--sky-beacon)" d="M18.6 1h3.4v5.4h-3.4z" />
      <path fill="var(--sky-cabin)" d="M9.4 4h7.4c.7 0 1.2.5 1.2 1.2V7H8.2V5.2C8.2 4.5 8.7 4 9.4 4z" />
      <path fill="var(--sky-hull)" d="M4.6 8.4h22.8c.8 0 1.3.8.9 1.5L25 16H7L3.7 9.9c-.4-.7.1-1.5.9-1.5z" />
      <path
        fill="var(--sky-acknowledged)"
        d="M3 21c0-2.5 2-4.4 4.4-4.4.6 0 1.2.1 1.7.4a5.2 5.2 0 0 1 9.3-.1 3.9 3.9 0 0 1 2.2-.7c1.7 0 3.1 1 3.7 2.5.4-.2.9-.3 1.4-.3 1.7 0 3.1 1.1 3.3 2.5z"
      />
    </svg>
  );
}

/** Mark and name. */
export function Logo({ size = 34 }: { size?: number }) {
  return (
    <span style={{ display: 'inline-flex', alignItems: 'center', gap: size * 0.3 }}>
      <LogoMark size={size} />
      <span
        style={{
          fontFamily: 'var(--mantine-font-family-headings)',
          fontWeight: 700,
          fontSize: size * 0.62,
          letterSpacing: '-0.02em',
          color: 'var(--sky-text)',
        }}
      >
        Skyferry
      </span>
    </span>
  );
}
